#include "codec/form_upload.h"

#include <algorithm>
#include <map>

namespace narrows::codec {
namespace {

constexpr std::size_t kBoundaryMax = 70;  // RFC 2046 section 5.1.1

auto no_form(std::string what) {
    return fail(ErrorCode::invalid, "the form " + std::move(what));
}

/// The next parameter of "; name=value; name=\"value\"", taken off `text`. Quotes end at the next
/// one that no backslash stands before.
Result<Pair> next_parameter(std::string_view& text) {
    text = trim(text);
    if (!text.starts_with(';')) {
        return no_form("has a header whose parameters are not separated by semicolons");
    }
    text = trim(text.substr(1));
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) {
        return no_form("has a header with a parameter without a value");
    }
    Pair out{lower(text.substr(0, equals)), {}};
    text.remove_prefix(equals + 1);
    if (!text.starts_with('"')) {
        const std::size_t end = std::min(text.find(';'), text.size());
        out.value = trim(text.substr(0, end));
        text.remove_prefix(end);
        return out;
    }
    std::size_t at = 1;
    for (; at < text.size() && text[at] != '"'; ++at) {
        const bool escaped = text[at] == '\\' && at + 1 < text.size() &&
                             (text[at + 1] == '"' || text[at + 1] == '\\');
        at += escaped ? 1 : 0;
        out.value.push_back(text[at]);
    }
    if (at >= text.size()) return no_form("has a header with a quote that does not end");
    text.remove_prefix(at + 1);
    return out;
}

using Parameters = std::map<std::string, std::string, std::less<>>;

/// The parameters of "TYPE; name=value …", each once.
Result<Parameters> parameters_of(std::string_view text, std::string_view type) {
    const std::size_t end = std::min(text.find(';'), text.size());
    if (!iequals(trim(text.substr(0, end)), type)) {
        return no_form("has a header that is not of the kind " + std::string(type));
    }
    text.remove_prefix(end);
    Parameters out;
    while (!trim(text).empty()) {
        NARROWS_TRY(Pair parameter, next_parameter(text));
        if (!out.emplace(std::move(parameter.name), std::move(parameter.value)).second) {
            return no_form("has a header with a parameter twice");
        }
    }
    return out;
}

}  // namespace

Result<FormUpload> FormUpload::of(std::string_view content_type) {
    NARROWS_TRY(const Parameters parameters, parameters_of(content_type, "multipart/form-data"));
    const auto boundary = parameters.find("boundary");
    if (boundary == parameters.end() || boundary->second.empty() ||
        boundary->second.size() > kBoundaryMax) {
        return no_form("has a Content-Type without a boundary of 1 to 70 characters");
    }
    return FormUpload("\r\n--" + boundary->second);
}

std::string_view FormUpload::field(std::string_view lower_name) const {
    const auto found = std::ranges::find(fields_, lower_name, &Pair::name);
    return found == fields_.end() ? std::string_view() : std::string_view(found->value);
}

Result<void> FormUpload::push(ByteView bytes, Bytes& file) {
    if (state_ == State::skip) return ok();
    pending_.append(as_text(bytes));
    for (bool more = true; more;) {
        NARROWS_TRY(more, step(file));
    }
    if (state_ < State::file && field_bytes_ + pending_.size() > kFieldBytesMax + bytes.size()) {
        return fail(ErrorCode::exhausted,
                    "the form has more than 64 KiB of fields before its file");
    }
    return ok();
}

Result<void> FormUpload::finish() const {
    return state_ == State::skip ? Result<void>(ok())
                                 : no_form("ends before the file that it must have as last field");
}

/// Whether something was taken and there may be more.
Result<bool> FormUpload::step(Bytes& file) {
    switch (state_) {
        case State::boundary:
            return take_boundary();
        case State::separator:
            return take_separator();
        case State::head:
            return take_head();
        case State::field:
            return take_field();
        case State::file:
            return take_file(file);
        case State::skip:
            pending_.clear();
            return false;
    }
    return false;
}

Result<bool> FormUpload::take_boundary() {
    if (pending_.size() < delimiter_.size()) return false;
    if (!pending_.starts_with(delimiter_)) return no_form("does not begin with its boundary");
    pending_.erase(0, delimiter_.size());
    state_ = State::separator;
    return true;
}

Result<bool> FormUpload::take_separator() {
    if (pending_.size() < 2) return false;
    if (!pending_.starts_with("\r\n")) {
        return no_form("ends, or has something behind a boundary, before its file");
    }
    pending_.erase(0, 2);
    state_ = State::head;
    return true;
}

Result<bool> FormUpload::take_head() {
    const std::size_t end = pending_.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    NARROWS_TRY(begin_part(std::string_view(pending_).substr(0, end)));
    field_bytes_ += end;
    pending_.erase(0, end + 4);
    return true;
}

/// The lines of a part's head: Content-Disposition says which field it is.
Result<void> FormUpload::begin_part(std::string_view head) {
    std::optional<Parameters> disposition;
    for (std::string_view line : split(head, '\n')) {
        line.remove_suffix(line.ends_with('\r') ? 1 : 0);
        if (line.empty()) continue;
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) return no_form("has a part's header without a colon");
        if (!iequals(line.substr(0, colon), "content-disposition")) continue;
        if (disposition) return no_form("has a part with two Content-Dispositions");
        NARROWS_TRY(Parameters read, parameters_of(line.substr(colon + 1), "form-data"));
        disposition = std::move(read);
    }
    if (!disposition || (*disposition)["name"].empty()) {
        return no_form("has a part without a name");
    }
    name_ = lower((*disposition)["name"]);
    state_ = name_ == "file" ? State::file : State::field;
    if (name_ == "file") {
        file_name_ = (*disposition)["filename"];
    } else if (fields_.size() == kFieldsMax) {
        return fail(ErrorCode::exhausted, "the form has more than 128 fields");
    } else if (std::ranges::find(fields_, name_, &Pair::name) != fields_.end()) {
        return no_form("has a field twice: " + printable(name_));
    }
    return ok();
}

Result<bool> FormUpload::take_field() {
    const std::size_t end = pending_.find(delimiter_);
    if (end == std::string::npos) return false;
    fields_.push_back({std::move(name_), pending_.substr(0, end)});
    field_bytes_ += end;
    if (field_bytes_ > kFieldBytesMax) {
        return fail(ErrorCode::exhausted,
                    "the form has more than 64 KiB of fields before its file");
    }
    pending_.erase(0, end + delimiter_.size());
    state_ = State::separator;
    return true;
}

Result<bool> FormUpload::take_file(Bytes& file) {
    const std::size_t end = pending_.find(delimiter_);
    const std::size_t kept = std::min(pending_.size(), delimiter_.size() - 1);
    const std::size_t whole = end == std::string::npos ? pending_.size() - kept : end;
    append(file, std::string_view(pending_).substr(0, whole));
    pending_.erase(0, whole);
    if (end == std::string::npos) return false;
    state_ = State::skip;
    return true;
}

}  // namespace narrows::codec
