#pragma once

#include "http/message.h"

/// Cases of the signing test suite of aws-c-auth 0.10.5 (tests/aws-signing-test-suite/v4a,
/// Copyright Amazon.com, Inc., Apache-2.0). Access key id AKIDEXAMPLE, secret
/// wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY.
namespace narrows::sigv4::suite_v4a {

struct Case {
    const char* name;
    http::RequestHead head;
    const char* body;
    const char* canonical_sha256;  ///< hex
};

inline const Case kCases[] = {
    {"get-vanilla",
     {"GET",
      "/",
      {{"Host", "example.amazonaws.com"},
       {"X-Amz-Date", "20150830T123600Z"},
       {"X-Amz-Region-Set", "us-east-1"},
       {"Authorization",
        "AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE/20150830/service/aws4_request,"
        " SignedHeaders=host;x-amz-date;x-amz-region-set, Signature=3046022100fddaaf8"
        "16a31e30d04973875b13bc27b98da10907a3a1872fd5819a221334abc022100de2ee81d83b54"
        "f31efc82834de07e6cd4d5c6f25bfa08e0f29a15bb0977c343e"}}},
     "",
     "cf59db423e841c8b7e3444158185aa261b724a5c27cbe762676f3eed19f4dc02"},
    {"get-vanilla-with-session-token",
     {"GET",
      "/",
      {{"Host", "example.amazonaws.com"},
       {"X-Amz-Security-Token", "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"},
       {"X-Amz-Date", "20150830T123600Z"},
       {"X-Amz-Region-Set", "us-east-1"},
       {"Authorization",
        "AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE/20150830/service/aws4_request,"
        " SignedHeaders=host;x-amz-date;x-amz-region-set;x-amz-security-token, Signat"
        "ure=30450221008f4516c8850ed9eb29502658d1f0e0f6cabc11a44963c558efd1dd8e9fb084"
        "a0022032e47df89ad1a5b4e2b82d3a68dbe31d6ef8e1ea8c3815b2097538c4695d184e"}}},
     "",
     "79893373104239a0547df489af395ec3c1b8873a8601f07f11ffd3f1ac557e7d"},
    {"get-header-value-trim",
     {"GET",
      "/",
      {{"Host", "example.amazonaws.com"},
       {"My-Header1", "value1"},
       {"My-Header2", "\"a   b   c\""},
       {"X-Amz-Date", "20150830T123600Z"},
       {"X-Amz-Region-Set", "us-east-1"},
       {"Authorization",
        "AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE/20150830/service/aws4_request,"
        " SignedHeaders=host;my-header1;my-header2;x-amz-date;x-amz-region-set, Signa"
        "ture=3046022100ce72c874a80cea45e3c5b7cbe76178f8577870e1f97ee1730f57cff45c3d3"
        "98b022100e4ea7b870335abab5ca57fa740d20b3c5aba2739cf96dd7fa671fc11cf6c3341"}}},
     "",
     "18b43001be9b531ebdd8202144dbd7630ea8a35bc328a7d0e561dda03a876095"},
    {"get-vanilla-query-order-key-case",
     {"GET",
      "/?Param2=value2&Param1=value1",
      {{"Host", "example.amazonaws.com"},
       {"X-Amz-Date", "20150830T123600Z"},
       {"X-Amz-Region-Set", "us-east-1"},
       {"Authorization",
        "AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE/20150830/service/aws4_request,"
        " SignedHeaders=host;x-amz-date;x-amz-region-set, Signature=30450220394fa0699"
        "225f403514cb4db03b7c479f64c5f9864bf520b871bb23a054d6517022100d4445c909fc62a4"
        "3c6c485a8582621e0e14c6ef1e4218072bc2dcaffc1188f18"}}},
     "",
     "cc07b29e0d0f0b2d6aa296621a5608fd9c2271159b9b2f737f682704ebb96482"},
    {"get-relative-normalized",
     {"GET",
      "/example/..",
      {{"Host", "example.amazonaws.com"},
       {"X-Amz-Date", "20150830T123600Z"},
       {"X-Amz-Region-Set", "us-east-1"},
       {"Authorization",
        "AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE/20150830/service/aws4_request,"
        " SignedHeaders=host;x-amz-date;x-amz-region-set, Signature=304402206ccd59195"
        "2cdb4a0a002217788234c80eac520f890b0a6ea07b98044f08ba10e0220733126caf0347f7df"
        "89773f79b9fae2648ca786e67a7d88ec296d66452da4bec"}}},
     "",
     "cf59db423e841c8b7e3444158185aa261b724a5c27cbe762676f3eed19f4dc02"},
    {"post-x-www-form-urlencoded",
     {"POST",
      "/",
      {{"Content-Type", "application/x-www-form-urlencoded"},
       {"Host", "example.amazonaws.com"},
       {"Content-Length", "13"},
       {"X-Amz-Date", "20150830T123600Z"},
       {"X-Amz-Region-Set", "us-east-1"},
       {"x-amz-content-sha256", "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"},
       {"Authorization",
        "AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE/20150830/service/aws4_request,"
        " SignedHeaders=content-length;content-type;host;x-amz-content-sha256;x-amz-d"
        "ate;x-amz-region-set, Signature=3045022100955bbc0f0b9d4284719808642167f7d5ea"
        "4a72f8c296b75b442898c8b81cd7e502202425fb97620fa9a20344d22b248dd00db07524fc39"
        "b5ad77533e00b277331241"}}},
     "Param1=value1",
     "ba7fa291aefad463b308fdc89b33d852aea9fbcfa151d820117bd8189066cb91"},
};

}  // namespace narrows::sigv4::suite_v4a
