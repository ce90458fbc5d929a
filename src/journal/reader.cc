#include "journal/reader.h"

#include <algorithm>

#include <fmt/format.h>

namespace narrows::journal {

Result<Reader> Reader::open(io::FileSystem& fs, const std::string& directory, Lanes lanes) {
    NARROWS_TRY(const Listing listing, list_segments(fs, directory));
    return Reader(Scan(fs, directory, listing, lanes));
}

Result<std::optional<Item>> Reader::next() {
    while (true) {
        if (cursor_) {
            auto frame = cursor_->next();
            if (!frame) {
                cursor_.reset();
                return Item(
                    Gap{.kind = Gap::Kind::corrupt,
                        .file = segment_name(batch_->location.lane, batch_->location.segment),
                        .location = batch_->location,
                        .bytes = size_on_disk(batch_->header),
                        .why = frame.error().what});
            }
            if (frame.value()) {
                return Item(*std::move(frame).value());
            }
            cursor_.reset();
        }
        NARROWS_TRY(Step step, scan_.next());
        if (std::holds_alternative<std::monostate>(step)) {
            return std::nullopt;
        }
        if (Gap* gap = std::get_if<Gap>(&step)) {
            return Item(std::move(*gap));
        }
        batch_ = std::get<Batch>(std::move(step));
        cursor_.emplace(*batch_);
        origin_ = scan_.lane(batch_->location.lane).tail().origin;
    }
}

Result<PartIndex> PartIndex::build(io::FileSystem& fs, const std::string& directory,
                                   model::PartNo part) {
    NARROWS_TRY(Reader reader, Reader::open(fs, directory));
    PartIndex index(fs, directory, part);
    while (true) {
        NARROWS_TRY(auto item, reader.next());
        if (!item) {
            break;
        }
        if (Gap* gap = std::get_if<Gap>(&*item)) {
            index.gaps_.push_back(std::move(*gap));
            continue;
        }
        const Frame& frame = std::get<Frame>(*item);
        if (frame.part == part) {
            index.entries_.push_back(
                {.sequence = frame.sequence,
                 .kind = frame.kind,
                 .payload_size = static_cast<std::uint32_t>(frame.payload.size()),
                 .location = frame.location});
        }
    }
    index.origin_ = reader.origin();
    const auto by_sequence = [](const Entry& a, const Entry& b) { return a.sequence < b.sequence; };
    std::stable_sort(index.entries_.begin(), index.entries_.end(), by_sequence);
    const auto same = [](const Entry& a, const Entry& b) { return a.sequence == b.sequence; };
    index.entries_.erase(std::unique(index.entries_.begin(), index.entries_.end(), same),
                         index.entries_.end());
    return index;
}

std::vector<Range> PartIndex::missing() const {
    std::vector<Range> out;
    std::uint64_t expected = 0;
    for (const Entry& entry : entries_) {
        const std::uint64_t found = entry.sequence.value();
        if (found != expected) {
            out.push_back({model::Sequence(expected), model::Sequence(found - 1)});
        }
        expected = found + 1;
    }
    return out;
}

Result<Frame> PartIndex::read(const Entry& entry) {
    const std::string name = segment_name(entry.location.lane, entry.location.segment);
    if (name != file_name_) {
        NARROWS_TRY(file_, fs_->open(directory_ + "/" + name, io::Mode::read));
        file_name_ = name;
    }
    buffer_.resize(kFrameHeaderSize + entry.payload_size);
    NARROWS_TRY(const std::size_t got, file_->pread(buffer_, entry.location.offset));
    NARROWS_TRY(const FrameHeader header, decode_frame_header(ByteView(buffer_).first(got)));
    const Frame frame = frame_of(
        header, ByteView(buffer_).first(header.length).subspan(kFrameHeaderSize), entry.location);
    const auto why = why_invalid(frame);
    if (why || frame.part != part_ || frame.sequence != entry.sequence) {
        return fail(ErrorCode::corrupt,
                    fmt::format("{} at offset {}: {}", name, entry.location.offset,
                                why.value_or("another record stands here now")));
    }
    return frame;
}

std::optional<std::string> why_invalid(const Frame& frame) {
    if (crypto::sha256(frame.payload) != frame.payload_sha256) {
        return fmt::format("the payload of record {} of part {} is not the one that was appended",
                           frame.sequence.value(), frame.part.value());
    }
    return std::nullopt;
}

}  // namespace narrows::journal
