#pragma once

#include <string>
#include <string_view>

#include "codec/form_upload.h"
#include "http/message.h"
#include "protocols/aws/decode/answer.h"
#include "protocols/aws/sigv4/post_policy.h"

/// S3's upload by a browser's form is a PutObject in another dress. Pure.
/// https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
namespace narrows::aws {

/// A POST of multipart/form-data that proves itself nowhere else.
bool is_form_post(const http::RequestHead& head);

/// A form as it is received.
struct PostedForm {
    codec::FormUpload reader;
    Bytes begun;               ///< what came of the file with the fields
    sigv4::FormFields fields;  ///< ${filename} put in
};

/// The fields, each ${filename} replaced by the last segment of the file's name.
sigv4::FormFields fields_of(const codec::FormUpload& form);

/// The PutObject that a form asks for, its body left out: fields become headers, the key the path.
/// ErrorCode::invalid: no key, a field that stands for no header, a target that is no bucket's.
Result<http::RequestHead> put_of_form(const http::RequestHead& post,
                                      const sigv4::FormFields& fields);

/// The bucket that the form goes to: the host's, or the path's. ErrorCode::invalid: none, or two.
Result<std::string> bucket_of_form(const http::RequestHead& post, std::string_view host_bucket);

/// What S3 says once the object is stored: 204, 200, 201 with a document, or 303 to where the form
/// wants. `stored` is the answer to the PutObject, `url` the object's.
Answer answer_form(const sigv4::FormFields& fields, const std::string& bucket,
                   const std::string& url, const http::ResponseHead& stored);

}  // namespace narrows::aws
