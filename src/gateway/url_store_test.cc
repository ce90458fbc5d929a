#include "gateway/url_store.h"

#include <filesystem>

#include <gtest/gtest.h>

namespace narrows::gateway {
namespace {

constexpr const char* kKey = "ASIAABCDEFGHIJKLMNOP";
constexpr const char* kOther = "ASIAABCDEFGHIJKLMNO2";

class UrlStoreTest : public testing::Test {
  protected:
    UrlStoreTest() {
        std::string name = testing::TempDir() + "urls-XXXXXX";
        folder_ = mkdtemp(name.data());
    }
    ~UrlStoreTest() override { std::filesystem::remove_all(folder_); }
    std::unique_ptr<UrlStore> open() {
        return std::move(UrlStore::open(io::posix(), folder_ + "/urls").value());
    }
    std::string folder_;
};

TEST_F(UrlStoreTest, serves_once_and_never_after_a_restart) {
    ASSERT_TRUE(open()->add(kKey, 100, 0));
    ASSERT_TRUE(open()->add(kOther, 100, 0));
    ASSERT_TRUE(open()->spend(kKey));
    EXPECT_EQ(open()->spend(kKey).error().code, ErrorCode::denied);
    EXPECT_TRUE(open()->spend(kOther));
}

TEST_F(UrlStoreTest, what_was_never_made_is_denied) {
    EXPECT_EQ(open()->spend(kKey).error().code, ErrorCode::denied);
    EXPECT_EQ(open()->spend("../urls").error().code, ErrorCode::denied);
}

TEST_F(UrlStoreTest, forgets_what_has_expired) {
    ASSERT_TRUE(open()->add(kKey, 100, 0));
    ASSERT_TRUE(open()->add(kOther, 300, 100));
    EXPECT_EQ(open()->spend(kKey).error().code, ErrorCode::denied);
    EXPECT_TRUE(open()->spend(kOther));
}

}  // namespace
}  // namespace narrows::gateway
