#include "codec/form_upload.h"

#include <gtest/gtest.h>

namespace narrows::codec {
namespace {

constexpr std::string_view kType = "multipart/form-data; boundary=\"AaB03x\"";

std::string part(std::string_view parameters, std::string_view value) {
    return std::string("--AaB03x\r\nContent-Disposition: form-data; ")
        .append(parameters)
        .append("\r\n\r\n")
        .append(value)
        .append("\r\n");
}

const std::string kForm =
    part("name=\"Key\"", "a/${filename}") + part("name=empty", "") +
    part("name=\"file\"; filename=\"x \\\"y\\\".txt\"", "one\r\n--AaB03\r\ntwo") +
    part("name=\"submit\"", "Upload") + "--AaB03x--\r\n";

Result<Bytes> read(FormUpload& form, std::string_view body, std::size_t stretch) {
    Bytes file;
    for (std::size_t at = 0; at < body.size(); at += stretch) {
        NARROWS_TRY(form.push(as_bytes(body.substr(at, stretch)), file));
    }
    NARROWS_TRY(form.finish());
    return file;
}

TEST(FormUpload, fields_then_the_file_however_it_is_cut) {
    for (const std::size_t stretch : {1U, 2U, 3U, 7U, 50U, 10'000U}) {
        FormUpload form = std::move(FormUpload::of(kType).value());
        const auto file = read(form, kForm, stretch);
        ASSERT_TRUE(file) << file.error().what;
        EXPECT_EQ(as_text(file.value()), "one\r\n--AaB03\r\ntwo");
        EXPECT_EQ(form.fields(), (std::vector<Pair>{{"key", "a/${filename}"}, {"empty", ""}}));
        EXPECT_EQ(form.file_name(), "x \"y\".txt");
        EXPECT_EQ(form.field("key"), "a/${filename}");
    }
}

TEST(FormUpload, says_when_all_fields_are_known) {
    FormUpload form = std::move(FormUpload::of(kType).value());
    Bytes file;
    const std::size_t at = kForm.find("one");
    ASSERT_TRUE(form.push(as_bytes(std::string_view(kForm).substr(0, at - 1)), file));
    EXPECT_FALSE(form.in_file());
    ASSERT_TRUE(form.push(as_bytes(std::string_view(kForm).substr(at - 1, 1)), file));
    EXPECT_TRUE(form.in_file());
    EXPECT_FALSE(form.finish());
}

TEST(FormUpload, refuses_what_is_no_such_form) {
    const std::string key = part("name=\"key\"", "a");
    const std::string bodies[] = {"",
                                  "x" + kForm,
                                  key + "--AaB03x--\r\n",
                                  key + part("name=\"KEY\"", "b") + kForm,
                                  part("filename=\"a\"", "b"),
                                  part("name=\"a", "b"),
                                  part("name=\"a\"; name=\"b\"", "c"),
                                  "--AaB03x \r\n" + kForm,
                                  "--AaB03x\r\nContent-Disposition\r\n\r\nc\r\n" + kForm,
                                  "--AaB03x\r\nContent-Type: a/b\r\n\r\nc\r\n" + kForm,
                                  kForm.substr(0, kForm.find("two"))};
    for (const std::string& body : bodies) {
        FormUpload form = std::move(FormUpload::of(kType).value());
        EXPECT_FALSE(read(form, body, 10'000)) << body;
    }
    for (const char* type : {"", "multipart/mixed; boundary=a", "multipart/form-data",
                             "multipart/form-data; boundary=",
                             "multipart/form-data; boundary=a; "
                             "boundary=b"}) {
        EXPECT_FALSE(FormUpload::of(type)) << type;
    }
}

TEST(FormUpload, holds_no_more_fields_than_it_says) {
    for (const std::string& body : {part("name=\"key\"", std::string(70'000, 'a')),
                                    std::string("--AaB03x\r\n") + std::string(70'000, 'h')}) {
        FormUpload form = std::move(FormUpload::of(kType).value());
        Bytes file;
        Result<void> pushed = ok();
        for (std::size_t at = 0; at < body.size() && pushed; at += 1000) {
            pushed = form.push(as_bytes(std::string_view(body).substr(at, 1000)), file);
        }
        ASSERT_FALSE(pushed);
        EXPECT_EQ(pushed.error().code, ErrorCode::exhausted);
    }
}

}  // namespace
}  // namespace narrows::codec
