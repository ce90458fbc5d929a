#include "protocols/aws/adapter/secrets_record.h"

#include <algorithm>
#include <utility>

#include "codec/cbor.h"

namespace narrows::aws {
namespace {

/// Of a record beside its values, and of a value beside its bytes.
constexpr std::size_t kOverhead = 64;

std::size_t size_of(const std::string& path, const codec::Value& value) {
    return path.size() + codec::cbor_encode(value).size() + kOverhead;
}

codec::Value record_of(recording::Sequence op, recording::Direction direction, codec::Map values) {
    const bool is_request = direction == recording::Direction::request;
    return recording::observed({{"op", op.value()},
                                {"dir", is_request ? "request" : "response"},
                                {"values", std::move(values)}});
}

}  // namespace

std::vector<codec::Value> secrets_records(recording::Sequence op, recording::Direction direction,
                                          SecretValues values, ByteView key) {
    std::vector<codec::Value> records;
    codec::Map held;
    std::size_t size = kOverhead;
    for (auto& each : values) {
        const std::string& path = each.first;
        codec::Value& value = each.second;
        if (size_of(path, value) + kOverhead > kSecretsMax) {
            value = commitment(value, key);
        }
        const std::size_t more = size_of(path, value);
        if (size + more > kSecretsMax && !held.empty()) {
            records.push_back(record_of(op, direction, std::exchange(held, {})));
            size = kOverhead;
        }
        size += more;
        held.emplace(path, std::move(value));
    }
    if (!held.empty()) {
        records.push_back(record_of(op, direction, std::move(held)));
    }
    return records;
}

bool record_secrets(session::Permit& permit, recording::Direction direction, SecretValues values,
                    ByteView key) {
    if (values.empty() || !permit.log().keeps_secrets()) {
        return true;
    }
    const std::vector<codec::Value> records =
        secrets_records(permit.op(), direction, std::move(values), key);
    return std::all_of(records.begin(), records.end(), [&](const codec::Value& each) {
        return permit.log().bulk_unawaited(recording::RecordKind::secrets, each);
    });
}

}  // namespace narrows::aws
