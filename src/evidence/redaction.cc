#include "evidence/redaction.h"

#include <algorithm>

#include <fmt/format.h>

#include "journal/scan.h"

namespace narrows::evidence {
namespace {

constexpr std::string_view kBodies = "bodies";

Bytes header_bytes(const journal::Frame& frame) {
    Bytes header(journal::kFrameHeaderSize);
    journal::encode(journal::header_of(frame), header.data());
    return header;
}

bool is_body_field(model::RecordKind kind, const codec::List& path) {
    return kind == model::RecordKind::body ? leads_to("bytes", path)
                                           : kind == model::RecordKind::intent &&
                                                 leads_to("observed/request/body/inline", path);
}

}  // namespace

BundleRecord stored_record(const journal::Frame& frame) {
    return {header_bytes(frame), to_bytes(frame.payload)};
}

bool Redaction::withholds(model::RecordKind kind, const codec::List& path) {
    bool any = false;
    for (const std::string& each : wanted_) {
        if (each == kBodies ? is_body_field(kind, path) : leads_to(each, path)) {
            met_.insert(each);
            any = true;
        }
    }
    return any;
}

Result<void> Redaction::check_unsealed(const journal::Frame& frame) {
    NARROWS_TRY(const Fields fields, Fields::of(frame.payload));
    for (std::size_t i = 0; i < fields.size(); ++i) {
        NARROWS_TRY(const codec::List path, path_of(fields.path(i)));
        if (withholds(frame.kind, path)) {
            return fail(ErrorCode::unsupported,
                        fmt::format("record {} of part {} is not sealed, so {} in it cannot be "
                                    "withheld: only whole payloads have digests there",
                                    frame.sequence.value(), frame.part.value(), path_text(path)));
        }
    }
    return ok();
}

Result<BundleRecord> Redaction::record(std::string_view origin, const journal::Frame& frame) {
    if (!frame.sealed()) {
        NARROWS_TRY(check_unsealed(frame));
        return stored_record(frame);
    }
    BundleRecord record{header_bytes(frame), {}};
    const bool is_operations = frame.key == journal::KeyClass::operations;
    const Result<ByteView> plain = keys_.open(origin, frame);
    const bool no_key = !plain && plain.error().code == ErrorCode::not_found && !is_operations;
    if (frame.key == journal::KeyClass::secrets || no_key) {
        ++withheld_;
        return record;
    }
    if (!plain) {
        return fail(plain.error());
    }
    NARROWS_TRY(record.content, fields(origin, frame, plain.value()));
    return record;
}

Result<BundleRecord> Redaction::record_or_header(std::string_view origin,
                                                 const journal::Frame& frame, bool show) {
    return show || !frame.sealed() ? record(origin, frame)
                                   : Result<BundleRecord>(BundleRecord{header_bytes(frame), {}});
}

Result<Disclosure> Redaction::fields(std::string_view origin, const journal::Frame& frame,
                                     ByteView plain) {
    NARROWS_TRY(const Fields fields, Fields::of(plain));
    NARROWS_TRY(const auto salts, keys_.salts(origin, frame, fields.size()));
    Disclosure disclosure;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        NARROWS_TRY(codec::List path, path_of(fields.path(i)));
        DisclosedField shown{salts[i], {}};
        fields.append_field(shown.field, i);
        if (withholds(frame.kind, path)) {
            ++withheld_;
            disclosure.emplace_back(
                WithheldField{field_commitment(shown.salt, shown.field), std::move(path)});
        } else {
            disclosure.emplace_back(std::move(shown));
        }
    }
    return disclosure;
}

std::string Redaction::unmatched() const {
    const auto missing = std::find_if(wanted_.begin(), wanted_.end(), [&](const std::string& each) {
        return each != kBodies && !met_.contains(each);
    });
    return missing == wanted_.end() ? "" : *missing;
}

}  // namespace narrows::evidence
