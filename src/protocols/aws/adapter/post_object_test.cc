#include "protocols/aws/adapter/post_object.h"

#include <gtest/gtest.h>

namespace narrows::aws {
namespace {

http::RequestHead post(std::string target) {
    return {"POST",
            std::move(target),
            {{"Host", "gw.example"},
             {"Content-Type", "multipart/form-data; boundary=b"},
             {"Content-Length", "1000"},
             {"x-amz-acl", "public-read"},
             {"User-Agent", "a browser"}}};
}

codec::FormUpload form(std::string_view key, std::string_view file_name) {
    codec::FormUpload out =
        std::move(codec::FormUpload::of("multipart/form-data; boundary=b").value());
    const std::string text =
        "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n" + std::string(key) +
        "\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" +
        std::string(file_name) + "\"\r\n\r\nx\r\n--b--\r\n";
    Bytes file;
    EXPECT_TRUE(out.push(as_bytes(text), file));
    return out;
}

TEST(PostObject, the_file_name_is_its_last_segment) {
    EXPECT_EQ(fields_of(form("u/${filename}", "C:\\dir\\a b.txt")).front().value, "u/a b.txt");
    EXPECT_EQ(fields_of(form("${filename}/${filename}", "/x/${filename}")).front().value,
              "${filename}/${filename}");
    EXPECT_EQ(fields_of(form("u/a", "b")).front().value, "u/a");
}

TEST(PostObject, fields_become_headers_and_the_key_the_path) {
    const sigv4::FormFields fields = {{"key", "u/a b+c?.txt"},
                                      {"acl", "private"},
                                      {"content-type", "image/png"},
                                      {"x-amz-meta-tag", "t"},
                                      {"x-amz-date", "20151229T000000Z"},
                                      {"x-ignore-this", "1"},
                                      {"success_action_status", "201"},
                                      {"policy", "p"}};
    const auto put = put_of_form(post("/bucket/"), fields);
    ASSERT_TRUE(put) << put.error().what;
    EXPECT_EQ(put.value().method, "PUT");
    EXPECT_EQ(put.value().target, "/bucket/u/a%20b%2Bc%3F.txt");
    EXPECT_EQ(put.value().headers, (http::Headers{{"Host", "gw.example"},
                                                  {"User-Agent", "a browser"},
                                                  {"x-amz-acl", "private"},
                                                  {"content-type", "image/png"},
                                                  {"x-amz-meta-tag", "t"},
                                                  {"x-amz-content-sha256", "UNSIGNED-PAYLOAD"}}));
    EXPECT_EQ(put_of_form(post("/"), fields).value().target, "/u/a%20b%2Bc%3F.txt");
}

TEST(PostObject, refuses_what_is_no_object) {
    EXPECT_FALSE(put_of_form(post("/bucket"), {{"acl", "private"}}));
    EXPECT_FALSE(put_of_form(post("/bucket/more"), {{"key", "k"}}));
    EXPECT_FALSE(put_of_form(post("/bucket?acl"), {{"key", "k"}}));
    EXPECT_FALSE(put_of_form(post("/bucket"), {{"key", "k"}, {"tagging", "<Tagging/>"}}));
    EXPECT_FALSE(put_of_form(post("/bucket"), {{"key", "k"}, {"x-amz-meta-a", "b\r\nc: d"}}));
}

TEST(PostObject, names_one_bucket) {
    EXPECT_EQ(bucket_of_form(post("/b"), "").value(), "b");
    EXPECT_EQ(bucket_of_form(post("/"), "b").value(), "b");
    EXPECT_FALSE(bucket_of_form(post("/"), ""));
    EXPECT_FALSE(bucket_of_form(post("/b"), "b"));
}

TEST(PostObject, answers_as_s3_does) {
    const http::ResponseHead stored{200, {{"ETag", "\"e\""}}};
    const auto answer = [&](sigv4::FormFields fields) {
        fields.push_back({"key", "u/a&b"});
        return answer_form(fields, "b", "http://gw/b/u/a%26b", stored);
    };
    EXPECT_EQ(answer({}).status, 204);
    EXPECT_EQ(answer({{"success_action_status", "200"}}).status, 200);
    EXPECT_EQ(answer({{"success_action_status", "999"}}).status, 204);
    const Answer created = answer({{"success_action_status", "201"}});
    EXPECT_EQ(created.status, 201);
    EXPECT_NE(created.body.find("<Bucket>b</Bucket><Key>u/a&amp;b</Key>"), std::string::npos);
    const Answer moved = answer({{"success_action_redirect", "https://x.example/done?a=1"}});
    EXPECT_EQ(moved.status, 303);
    EXPECT_EQ(http::header(moved.headers, "location"),
              "https://x.example/done?a=1&bucket=b&key=u%2Fa%26b&etag=%22e%22");
    EXPECT_EQ(answer({{"success_action_redirect", "javascript:alert(1)"}}).status, 204);
}

}  // namespace
}  // namespace narrows::aws
