#include "protocols/aws/adapter/queue_urls.h"

#include <algorithm>
#include <array>

#include "codec/json.h"
#include "codec/text.h"
#include "codec/xml.h"
#include "crypto/ca.h"

namespace narrows::aws {
namespace {

constexpr std::array<std::string_view, 4> kNaming = {"CreateQueue", "GetQueueUrl",
                                                     "ListDeadLetterSourceQueues", "ListQueues"};
constexpr std::string_view kMember = "QueueUrl";
constexpr std::string_view kOpen = "<QueueUrl>";
constexpr std::string_view kClose = "</QueueUrl>";

/// "https://host:port/123456789012/name" taken apart before the path.
struct QueueUrl {
    std::string_view host;
    std::string_view path;
};

std::optional<QueueUrl> read_url(std::string_view url) {
    const std::size_t scheme = url.find("://");
    if (scheme == std::string_view::npos) return std::nullopt;
    std::string_view rest = url.substr(scheme + 3);
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const std::string_view authority = rest.substr(0, slash);
    return QueueUrl{authority.substr(0, authority.rfind(':')), rest.substr(slash)};
}

/// The URL at `origin`; `url` itself if it is none.
std::string moved(std::string_view url, std::string_view origin) {
    const std::optional<QueueUrl> read = read_url(url);
    return read ? std::string(origin) + std::string(read->path) : std::string(url);
}

void move_text(codec::Value& value, std::string_view origin) {
    const std::string* url = value.as<std::string>();
    if (url != nullptr) value = moved(*url, origin);
}

std::optional<Bytes> json_answer(ByteView body, std::string_view origin) {
    Result<codec::Value> document = codec::json_decode(as_text(body));
    codec::Map* map = document ? document.value().as<codec::Map>() : nullptr;
    if (map == nullptr) return std::nullopt;
    for (const char* member : {"QueueUrl", "QueueUrls", "queueUrls"}) {
        const auto at = map->find(member);
        if (at == map->end()) continue;
        move_text(at->second, origin);
        codec::List* list = at->second.as<codec::List>();
        if (list == nullptr) continue;
        for (codec::Value& each : *list) move_text(each, origin);
    }
    return to_bytes(codec::json_encode(document.value()));
}

std::optional<Bytes> xml_answer(std::string_view body, std::string_view origin) {
    std::string out;
    const std::string escaped = codec::xml_escape(origin);
    for (std::size_t open = body.find(kOpen); open != std::string_view::npos;
         open = body.find(kOpen)) {
        const std::size_t begin = open + kOpen.size();
        const std::size_t end = std::min(body.find(kClose, begin), body.size());
        out += body.substr(0, begin);
        out += moved(body.substr(begin, end - begin), escaped);
        body.remove_prefix(end);
    }
    return to_bytes(out + std::string(body));
}

/// The URL to send for the one asked with; nothing if it may go as it is.
std::optional<std::string> of_aws(std::string_view url, std::string_view origin) {
    const std::optional<QueueUrl> read = read_url(url);
    if (!read || crypto::is_aws_host(read->host)) return std::nullopt;
    return moved(url, origin);
}

std::optional<Bytes> json_request(ByteView body, std::string_view origin) {
    Result<codec::Value> document = codec::json_decode(as_text(body));
    codec::Map* map = document ? document.value().as<codec::Map>() : nullptr;
    const auto at = map == nullptr ? codec::Map::iterator() : map->find(kMember);
    if (map == nullptr || at == map->end()) return std::nullopt;
    const std::string* url = at->second.as<std::string>();
    std::optional<std::string> sent = url == nullptr ? std::nullopt : of_aws(*url, origin);
    if (!sent) return std::nullopt;
    at->second = *std::move(sent);
    return to_bytes(codec::json_encode(document.value()));
}

/// Every other pair stays as the client spelt it.
std::optional<Bytes> form_request(std::string_view body, std::string_view origin) {
    bool changed = false;
    std::string out;
    for (const std::string_view spelt : codec::split(body, '&')) {
        const Result<std::vector<codec::Pair>> pair = codec::form_decode(spelt);
        std::optional<std::string> sent;
        if (pair && pair.value().size() == 1 && pair.value().front().name == kMember) {
            sent = of_aws(pair.value().front().value, origin);
        }
        changed = changed || sent.has_value();
        if (!out.empty()) out += '&';
        out +=
            sent ? std::string(kMember) + "=" + codec::percent_encode(*sent) : std::string(spelt);
    }
    return changed ? std::optional(to_bytes(out)) : std::nullopt;
}

}  // namespace

bool names_queues(Operation entry) {
    return entry.service().id() == "sqs" &&
           std::find(kNaming.begin(), kNaming.end(), entry.name()) != kNaming.end();
}

std::optional<Bytes> with_queues_at(Protocol protocol, ByteView body, std::string_view origin) {
    return protocol == Protocol::json ? json_answer(body, origin)
                                      : xml_answer(as_text(body), origin);
}

std::optional<Bytes> with_queue_of_aws(Protocol protocol, ByteView body, std::string_view origin) {
    return protocol == Protocol::json ? json_request(body, origin)
                                      : form_request(as_text(body), origin);
}

}  // namespace narrows::aws
