#include "process/channel.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

#include "base/check.h"

namespace narrows::process {
namespace {

constexpr std::size_t kRightsBytes = kParcelDescriptorsMax * sizeof(int);

auto failed(const char* call) {
    return fail(ErrorCode::io,
                std::string("a socket between processes: ") + call + ": " + std::strerror(errno));
}

Result<Pair> pair_of(int type) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return failed("socketpair");
    }
    return Pair(Descriptor(ends[0]), Descriptor(ends[1]));
}

std::vector<Descriptor> rights_of(msghdr& message) {
    std::vector<Descriptor> found;
    for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr;
         each = CMSG_NXTHDR(&message, each)) {
        if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const std::size_t count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(each) + i * sizeof(int), sizeof(int));
            found.emplace_back(number);
        }
    }
    return found;
}

}  // namespace

Result<Pair> stream_pair() {
    return pair_of(SOCK_STREAM);
}
Result<Pair> control_pair() {
    return pair_of(SOCK_SEQPACKET);
}

Result<void> send_parcel(const Descriptor& over, ByteView bytes,
                         const std::vector<Descriptor>& descriptors) {
    NARROWS_CHECK(!bytes.empty() && bytes.size() <= kParcelMax, "a parcel holds 1 byte to 64 KiB");
    NARROWS_CHECK(descriptors.size() <= kParcelDescriptorsMax, "a parcel's descriptors fit");
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(kRightsBytes)> control{};
    iovec vector{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    if (!descriptors.empty()) {
        const std::size_t size = descriptors.size() * sizeof(int);
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(size);
        cmsghdr* rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(size);
        for (std::size_t i = 0; i < descriptors.size(); ++i) {
            const int number = descriptors[i].number();
            std::memcpy(CMSG_DATA(rights) + i * sizeof(int), &number, sizeof(int));
        }
    }
    if (::sendmsg(over.number(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
        return ok();
    }
    if (errno == EPIPE || errno == ECONNRESET) {
        return fail(ErrorCode::closed, "the process at the other end of its socket is gone");
    }
    if (errno == EAGAIN) {
        return fail(ErrorCode::unavailable, "the process at the other end does not read");
    }
    return failed("sendmsg");
}

Result<Parcel> receive_parcel(const Descriptor& over) {
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(kRightsBytes)> control{};
    Bytes bytes(kParcelMax);
    iovec vector{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t size = -1;
    do {
        size = ::recvmsg(over.number(), &message, MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    if (size < 0 && errno != ECONNRESET) {
        return failed("recvmsg");
    }
    Parcel parcel{Secret(), rights_of(message)};
    if (size <= 0) {
        return fail(ErrorCode::closed, "the process at the other end of its socket is gone");
    }
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        wipe(bytes.data(), bytes.size());
        return fail(ErrorCode::invalid, "a message between processes is larger than it may be");
    }
    parcel.bytes = Secret(Bytes(bytes.begin(), bytes.begin() + size));
    wipe(bytes.data(), bytes.size());
    return parcel;
}

}  // namespace narrows::process
