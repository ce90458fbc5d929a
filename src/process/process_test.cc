#include <cerrno>
#include <cstdio>
#include <functional>
#include <thread>

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "process/channel.h"
#include "process/frame.h"
#include "process/harden.h"
#include "process/outbox.h"
#include "process/restart.h"
#include "process/spawn.h"

namespace narrows::process {
namespace {

TEST(Parcel, carries_bytes_and_descriptors) {
    const Pair control = control_pair().value();
    Pair given = stream_pair().value();
    std::vector<Descriptor> sent;
    sent.push_back(std::move(given.first));
    ASSERT_TRUE(send_parcel(control.first, as_bytes("a key"), sent));
    sent.clear();
    const Parcel got = receive_parcel(control.second).value();
    EXPECT_EQ(got.bytes.text(), "a key");
    ASSERT_EQ(got.descriptors.size(), 1u);
    ASSERT_EQ(::send(got.descriptors[0].number(), "x", 1, 0), 1);
    char one = 0;
    ASSERT_EQ(::recv(given.second.number(), &one, 1, 0), 1);
    EXPECT_EQ(one, 'x');
}

TEST(Parcel, says_when_the_other_end_is_gone) {
    Pair control = control_pair().value();
    control.second.close();
    EXPECT_EQ(send_parcel(control.first, as_bytes("x"), {}).error().code, ErrorCode::closed);
    EXPECT_EQ(receive_parcel(control.first).error().code, ErrorCode::closed);
}

TEST(Parcel, one_too_large_is_refused) {
    const Pair control = control_pair().value();
    const Bytes large(kParcelMax + 1);
    ASSERT_EQ(::send(control.first.number(), large.data(), large.size(), 0),
              static_cast<ssize_t>(large.size()));
    EXPECT_EQ(receive_parcel(control.second).error().code, ErrorCode::invalid);
}

TEST(Parcel, a_sender_does_not_wait_for_a_reader) {
    const Pair control = control_pair().value();
    Result<void> sent = ok();
    for (int i = 0; i < 10'000 && sent.has_value(); ++i) {
        sent = send_parcel(control.first, Bytes(1024), {});
    }
    ASSERT_FALSE(sent.has_value());
    EXPECT_EQ(sent.error().code, ErrorCode::unavailable);
}

TEST(Frame, comes_out_however_it_arrives) {
    Bytes stream;
    append_frame(stream, as_bytes("one"));
    append_frame(stream, as_bytes("two!"));
    FrameReader reader;
    std::vector<std::string> found;
    for (const std::uint8_t byte : stream) {
        reader.push(ByteView(&byte, 1));
        const auto frame = reader.next().value();
        if (frame) found.push_back(to_string(*frame));
    }
    EXPECT_EQ(found, (std::vector<std::string>{"one", "two!"}));
    EXPECT_FALSE(reader.next().value().has_value());
}

/// The bytes where they were written, read into the reader's own room.
TEST(Frame, frames_of_all_sizes_come_whole_whatever_arrives_at_once) {
    Bytes stream;
    std::vector<std::size_t> sizes;
    for (std::size_t size : {1u, 90u, 100u, 101u, 5'000u, 3u, 64u, 99'999u, 7u}) {
        append_frame(stream, Bytes(size, static_cast<std::uint8_t>(size)));
        sizes.push_back(size);
    }
    for (const std::size_t piece : {1u, 7u, 64u, 100u, 4'096u, 200'000u}) {
        FrameReader reader(100);
        std::vector<std::size_t> found;
        for (std::size_t at = 0; at < stream.size();) {
            const std::span<std::uint8_t> room = reader.room();
            ASSERT_FALSE(room.empty());
            const std::size_t size = std::min({piece, room.size(), stream.size() - at});
            std::copy_n(stream.begin() + static_cast<std::ptrdiff_t>(at), size, room.begin());
            reader.filled(size);
            at += size;
            while (const auto frame = reader.next().value()) {
                EXPECT_EQ(to_bytes(*frame),
                          Bytes(frame->size(), static_cast<std::uint8_t>(frame->size())));
                found.push_back(frame->size());
            }
        }
        EXPECT_EQ(found, sizes) << piece;
        EXPECT_LE(reader.room().size(), 100u) << "what a large frame needed is given back";
    }
}

TEST(Frame, what_was_read_is_wiped) {
    Bytes stream;
    append_frame(stream, to_bytes("a secret"));
    FrameReader reader(64);
    const std::span<std::uint8_t> room = reader.room();
    std::copy(stream.begin(), stream.end(), room.begin());
    room[stream.size()] = 9;  // the beginning of another one
    reader.filled(stream.size() + 1);
    ASSERT_EQ(to_string(*reader.next().value()), "a secret");
    ASSERT_FALSE(reader.next().value());
    (void)reader.room();
    EXPECT_EQ(std::count(room.begin(), room.begin() + 12, 0), 12);
}

TEST(Frame, lengths_out_of_bounds_are_refused) {
    for (const std::uint32_t length : {0u, static_cast<std::uint32_t>(kFrameMax + 1), ~0u}) {
        Bytes bytes;
        append_le(bytes, length);
        FrameReader reader;
        reader.push(bytes);
        EXPECT_EQ(reader.next().error().code, ErrorCode::invalid) << length;
    }
}

TEST(Outbox, what_the_socket_does_not_take_follows_in_order) {
    Pair pair = stream_pair().value();
    Outbox out(pair.first);
    const int count = 3000;
    for (int i = 0; i < count; ++i) {
        Bytes message(1024, static_cast<std::uint8_t>(i));
        store_le(message.data(), static_cast<std::uint32_t>(i));
        out.put(message);
    }
    EXPECT_GT(out.unsent(), 0u);
    FrameReader reader;
    Bytes buffer(64 * 1024);
    int seen = 0;
    while (seen < count) {
        const ssize_t size = ::recv(pair.second.number(), buffer.data(), buffer.size(), 0);
        ASSERT_GT(size, 0);
        reader.push(ByteView(buffer).first(static_cast<std::size_t>(size)));
        while (const auto frame = reader.next().value()) {
            ASSERT_EQ(frame->size(), 1024u);
            ASSERT_EQ(load_le<std::uint32_t>(frame->data()), static_cast<std::uint32_t>(seen++));
        }
    }
    out.flush(std::chrono::seconds(5));
    EXPECT_EQ(out.unsent(), 0u);
}

/// Sizes of what the peer can read now.
std::vector<std::size_t> arrived(const Descriptor& at) {
    FrameReader reader;
    Bytes buffer(64 * 1024);
    ssize_t got = 0;
    std::vector<std::size_t> sizes;
    while ((got = ::recv(at.number(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
        reader.push(ByteView(buffer).first(static_cast<std::size_t>(got)));
        while (const auto frame = reader.next().value()) sizes.push_back(frame->size());
    }
    return sizes;
}

TEST(Outbox, what_need_not_leave_goes_with_the_next_in_order) {
    using Sizes = std::vector<std::size_t>;
    Pair pair = stream_pair().value();
    Outbox out(pair.first);
    out.put(Bytes(1), Outbox::When::with_next);
    out.put(Bytes(2), Outbox::When::with_next);
    EXPECT_EQ(arrived(pair.second), Sizes());
    out.put(Bytes(3));
    EXPECT_EQ(arrived(pair.second), (Sizes{1, 2, 3}));
    out.put(Bytes(4), Outbox::When::with_next);
    out.release();
    EXPECT_EQ(arrived(pair.second), Sizes{4});
    out.put(Bytes(5), Outbox::When::with_next);
    out.flush(std::chrono::seconds(5));
    EXPECT_EQ(arrived(pair.second), Sizes{5});
    out.put(Bytes(6), Outbox::When::with_next);
    out.put(Bytes(32 * 1024), Outbox::When::with_next);
    EXPECT_EQ(arrived(pair.second), (Sizes{6, 32 * 1024})) << "what is large does not wait";
}

TEST(Outbox, what_is_put_for_a_peer_that_is_gone_is_dropped) {
    Pair pair = stream_pair().value();
    Outbox out(pair.first);
    for (int i = 0; i < 3000; ++i) out.put(Bytes(1024));
    pair.second.close();
    out.flush(std::chrono::seconds(5));
    out.put(Bytes(1024));
    EXPECT_EQ(out.unsent(), 0u);
}

TEST(RestartPolicy, at_once_then_later_and_later) {
    RestartPolicy policy;
    std::vector<std::int64_t> pauses_ms;
    for (int i = 0; i < 10; ++i) pauses_ms.push_back(policy.pause(0, kNsPerSecond) / kNsPerMs);
    EXPECT_EQ(pauses_ms,
              (std::vector<std::int64_t>{0, 100, 200, 400, 800, 1600, 3200, 6400, 10'000, 10'000}));
    EXPECT_EQ(policy.pause(0, RestartPolicy::kRanWellNs), 0);
    EXPECT_EQ(policy.pause(0, kNsPerSecond), 100 * kNsPerMs);
}

TEST(User, root_is_there_and_nobody_has_such_a_name) {
    EXPECT_EQ(find_user("root").value()->uid, 0u);
    EXPECT_FALSE(find_user("narrows-no-such-user").value().has_value());
}

/// What a forked child returns as its exit status.
int status_in_child(const std::function<int()>& story) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(story());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int hardened(Filter filter, const std::function<bool()>& holds) {
    return status_in_child([&] {
        if (!harden({filter, false}).has_value()) return 2;
        return holds() ? 0 : 1;
    });
}

TEST(Harden, no_core_dumps_no_new_privileges) {
    EXPECT_EQ(hardened(Filter::none,
                       [] {
                           rlimit core{1, 1};
                           ::getrlimit(RLIMIT_CORE, &core);
                           return core.rlim_max == 0 &&
                                  ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
                       }),
              0);
}

#if !defined(__has_feature) || \
    !(__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))

bool runs_a_program() {
    const char* arguments[] = {"true", nullptr};
    ::execv("/bin/true", const_cast<char**>(arguments));
    return errno != ENOSYS;
}

TEST(Harden, others_of_the_same_user_read_no_memory) {
    EXPECT_EQ(hardened(Filter::signer, [] { return ::prctl(PR_GET_DUMPABLE) == 0; }), 0);
}

TEST(Harden, no_filter_starts_programs_and_each_leaves_what_is_needed) {
    EXPECT_EQ(hardened(Filter::none, runs_a_program), 0);
    for (const Filter filter : {Filter::signer, Filter::recorder, Filter::boundary}) {
        EXPECT_EQ(hardened(filter, runs_a_program), 1);
        EXPECT_EQ(hardened(filter,
                           [] {
                               std::thread thread([] {});
                               thread.join();
                               const Descriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
                               return socket.is_open();
                           }),
                  0);
    }
}

TEST(Harden, the_signer_alone_writes_no_files) {
    const auto makes_a_file = [] {
        return std::rename("/tmp/narrows-none", "/tmp/narrows-none-2") == 0 || errno != ENOSYS;
    };
    EXPECT_EQ(hardened(Filter::signer, makes_a_file), 1);
    EXPECT_EQ(hardened(Filter::recorder, makes_a_file), 0);
    EXPECT_EQ(hardened(Filter::boundary, makes_a_file), 0);
}

#endif

}  // namespace
}  // namespace narrows::process
