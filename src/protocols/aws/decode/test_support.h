#pragma once

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "codec/json.h"
#include "codec/text.h"
#include "protocols/aws/catalogue/recognise.h"
#include "protocols/aws/decode/decode.h"

/// Requests for tests: as SDKs wrote them (testdata/*.jsonl, one request a line with the parameters
/// that the SDK was given) or written by hand.
namespace narrows::aws::testing {

struct Fixture {
    std::string service;
    std::string operation;
    std::string protocol;  ///< as botocore names it
    http::RequestHead head;
    Bytes body;
    codec::Value parameters;

    std::string name() const { return service + ":" + operation + " " + protocol; }
};

inline Fixture fixture_from(const codec::Value& line) {
    Fixture fixture{
        line.text("service"), line.text("operation"), line.text("protocol"), {}, {}, {}};
    fixture.head = {line.text("method"), line.text("target"), {}};
    for (const codec::Value& field : *line.find("headers")->as<codec::List>()) {
        const auto& pair = *field.as<codec::List>();
        fixture.head.headers.push_back({*pair[0].as<std::string>(), *pair[1].as<std::string>()});
    }
    fixture.body = codec::unbase64(line.text("body")).value();
    fixture.parameters = *line.find("parameters");
    return fixture;
}

template <class Each>
void for_each_fixture(const std::string& path, Each each) {
    std::ifstream file(path);
    ASSERT_TRUE(file) << path;
    for (std::string line; std::getline(file, line);) {
        const auto value = codec::json_decode(line);
        ASSERT_TRUE(value) << value.error().what;
        each(fixture_from(value.value()));
    }
}

inline std::string testdata(const std::string& file) {
    return std::string(NARROWS_SOURCE_DIR) + "/src/protocols/aws/decode/testdata/" + file;
}

/// What SDKs wrote. All of botocore can be checked with a file of all its operations, in the
/// fixtures' form, named by this variable.
inline std::vector<std::string> fixture_files() {
    const char* other = std::getenv("NARROWS_DECODE_FIXTURES");
    if (other != nullptr) return {other};
    return {testdata("botocore.jsonl"), testdata("javascript.jsonl")};
}

/// A recognised request with what it refers to.
struct Request {
    http::RequestHead head;
    Bytes body;
    Recognition recognition;
    std::size_t chosen = 0;
    bool streamed = false;

    const Candidate& candidate() const { return recognition.candidates[chosen]; }
    Incoming incoming() const { return {recognition.protocol, candidate(), head, body, streamed}; }
};

inline Result<Request> request_of(const Service& service, const http::RequestHead& head,
                                  const Bytes& body, std::string_view operation = {}) {
    const Question question{head, as_text(body), service.signing_name(), "eu-west-1", {}, {}};
    Request request{head, body, {}};
    NARROWS_TRY(request.recognition, recognise(Catalogue::embedded(), question));
    for (std::size_t i = 0; i < request.recognition.candidates.size(); ++i) {
        const Operation entry = request.recognition.candidates[i].operation;
        if (entry.service() == service && entry.name() == operation) request.chosen = i;
    }
    return request;
}

inline Result<Request> request_of(std::string_view service, const std::string& method,
                                  const std::string& target, http::Headers headers = {},
                                  std::string_view body = {}) {
    return request_of(*Catalogue::embedded().service(service), {method, target, std::move(headers)},
                      to_bytes(body));
}

inline Result<codec::Value> decode(const Result<Request>& request) {
    if (!request) return fail(request.error());
    return decode_parameters(request.value().incoming());
}

inline codec::Value json(std::string_view text) {
    return codec::json_decode(text).value();
}

}  // namespace narrows::aws::testing
