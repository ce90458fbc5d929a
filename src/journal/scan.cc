#include "journal/scan.h"

#include <algorithm>

#include <fmt/format.h>

namespace narrows::journal {
namespace {

constexpr std::size_t kWindow = 2 * kBatchMax;

bool all_zero(ByteView bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

/// Within one boot by the clock that nobody sets.
bool is_earlier(const Batch& one, const Batch& other) {
    return one.boot == other.boot ? one.header.mono < other.header.mono
                                  : one.header.wall < other.header.wall;
}

std::string path_of(const std::string& directory, Lane lane, std::uint64_t number) {
    return directory + "/" + segment_name(lane, number);
}

}  // namespace

SegmentScanner::SegmentScanner(std::unique_ptr<io::File> file, SegmentName name, std::uint64_t size)
    : file_(std::move(file)), name_(name), size_(size) {}

Result<std::unique_ptr<SegmentScanner>> SegmentScanner::open(io::FileSystem& fs,
                                                             const std::string& directory,
                                                             const SegmentName& name) {
    NARROWS_TRY(auto file, fs.open(path_of(directory, name.lane, name.number), io::Mode::read));
    NARROWS_TRY(const std::uint64_t size, file->size());
    std::unique_ptr<SegmentScanner> scanner(new SegmentScanner(std::move(file), name, size));
    NARROWS_TRY(const ByteView bytes, scanner->view(0, kSegmentHeaderSize));
    NARROWS_TRY(scanner->header_, decode_segment_header(bytes));
    if (scanner->header_.lane != name.lane || scanner->header_.number != name.number) {
        return fail(ErrorCode::corrupt, "the segment's header names another segment");
    }
    scanner->chain_ = chain_of(bytes.first(kSegmentHeaderSize));
    return scanner;
}

/// Up to `size` bytes from `offset`; fewer where the file ends.
Result<ByteView> SegmentScanner::view(std::uint64_t offset, std::size_t size) {
    const bool inside = offset >= window_at_ && offset + size <= window_at_ + window_.size();
    if (!inside) {
        const std::uint64_t left = offset < size_ ? size_ - offset : 0;
        window_.resize(std::min<std::uint64_t>(left, kWindow));
        window_at_ = offset;
        NARROWS_TRY(const std::size_t got, file_->pread(window_, offset));
        window_.resize(got);
    }
    const std::size_t skip = std::min<std::uint64_t>(offset - window_at_, window_.size());
    return ByteView(window_).subspan(skip).first(std::min(size, window_.size() - skip));
}

/// ErrorCode::corrupt: no whole batch of this segment there.
Result<Batch> SegmentScanner::batch_at(std::uint64_t offset) {
    NARROWS_TRY(const ByteView head, view(offset, kBatchHeaderSize));
    NARROWS_TRY(const BatchHeader header, decode_batch_header(head));
    if (header.nonce != header_.nonce) {
        return fail(ErrorCode::corrupt, "the batch belongs to another segment");
    }
    NARROWS_TRY(const ByteView whole, view(offset, size_on_disk(header)));
    if (whole.size() != size_on_disk(header)) {
        return fail(ErrorCode::corrupt, "the file ends inside a batch");
    }
    NARROWS_TRY(check_batch(header, whole));
    return Batch{.header = header,
                 .frames = whole.first(header.length).subspan(kBatchHeaderSize),
                 .location = {name_.lane, name_.number, offset},
                 .boot = header_.boot};
}

Gap SegmentScanner::gap(Gap::Kind kind, std::uint64_t offset, std::uint64_t bytes,
                        std::string why) const {
    return Gap{.kind = kind,
               .file = segment_name(name_.lane, name_.number),
               .location = {name_.lane, name_.number, offset},
               .bytes = bytes,
               .why = std::move(why)};
}

Result<Step> SegmentScanner::yield(Batch batch) {
    const bool in_order = batch.header.number == batches_ && batch.header.prev_chain == chain_;
    const std::uint64_t expected = batches_;
    at_ = batch.location.offset + size_on_disk(batch.header);
    batches_ = batch.header.number + 1;
    chain_ = batch.header.chain;
    if (in_order) {
        return Step(batch);
    }
    pending_ = batch;
    return Step(gap(Gap::Kind::corrupt, pending_->location.offset, 0,
                    fmt::format("batch {} does not continue what is before it (batch {} was due)",
                                pending_->header.number, expected)));
}

Result<Step> SegmentScanner::next() {
    if (pending_) {
        const Batch batch = *pending_;
        pending_.reset();
        return Step(batch);
    }
    if (finished_) {
        return Step();
    }
    auto batch = batch_at(at_);
    if (batch) {
        return yield(std::move(batch).value());
    }
    if (batch.error().code != ErrorCode::corrupt) {
        return fail(std::move(batch).error());
    }
    return after_bad(batch.error());
}

Result<std::uint64_t> SegmentScanner::end_of_data(std::uint64_t from) {
    std::uint64_t end = from;
    for (std::uint64_t at = from; at < size_; at += kBlock) {
        NARROWS_TRY(const ByteView block, view(at, kBlock));
        if (block.empty()) {
            break;
        }
        if (!all_zero(block)) {
            end = at + block.size();
        }
    }
    return end;
}

/// Tells a torn tail from corruption: a later batch of this segment that was written when the bad
/// stretch was already durable proves that it once was whole.
Result<Step> SegmentScanner::after_bad(const Error& why) {
    const std::uint64_t bad = at_;
    for (std::uint64_t at = bad + kBlock; at < size_;) {
        auto later = batch_at(at);
        if (!later && later.error().code != ErrorCode::corrupt) {
            return fail(std::move(later).error());
        }
        if (!later || later.value().header.durable <= bad) {
            at += later ? size_on_disk(later.value().header) : kBlock;
            continue;
        }
        // A writer at work may have filled the stretch since it was read: look once more.
        window_.clear();
        auto again = batch_at(bad);
        if (again) {
            return yield(std::move(again).value());
        }
        NARROWS_TRY(pending_, batch_at(at));
        at_ = at + size_on_disk(pending_->header);
        batches_ = pending_->header.number + 1;
        chain_ = pending_->header.chain;
        return Step(gap(Gap::Kind::corrupt, bad, at - bad,
                        why.what + ", although later batches show that it was durable"));
    }
    finished_ = true;
    NARROWS_TRY(const std::uint64_t end, end_of_data(bad));
    if (end == bad) {
        return Step();
    }
    return Step(gap(Gap::Kind::torn_tail, bad, end - bad, why.what));
}

LaneScanner::LaneScanner(io::FileSystem& fs, std::string directory, Lane lane,
                         std::vector<std::uint64_t> numbers, std::vector<std::uint64_t> quarantined)
    : fs_(fs),
      directory_(std::move(directory)),
      lane_(lane),
      numbers_(std::move(numbers)),
      quarantined_(std::move(quarantined)) {}

std::optional<Gap> LaneScanner::unlinked(std::string why) const {
    return Gap{.kind = Gap::Kind::corrupt,
               .file = segment_name(lane_, tail_.number),
               .location = {lane_, tail_.number, tail_.end},
               .bytes = 0,
               .why = std::move(why)};
}

/// Reads ahead what the segment after the open one says about it.
void LaneScanner::learn_claim() {
    successor_.reset();
    claim_met_ = true;
    if (index_ < numbers_.size() && numbers_[index_] == tail_.number + 1) {
        auto next = SegmentScanner::open(fs_, directory_, {lane_, numbers_[index_]});
        if (next) {
            successor_ = next.value()->header();
            claim_met_ =
                successor_->prev_batches == 0 && successor_->prev_chain == segment_->chain();
        }
    }
}

Result<std::optional<Gap>> LaneScanner::open_next() {
    const std::uint64_t number = numbers_[index_++];
    const std::uint64_t before = tail_.number;
    tail_ = Tail{.number = number, .batches = 0, .end = 0, .chain = {}, .origin = {}};
    auto opened = SegmentScanner::open(fs_, directory_, {lane_, number});
    if (!opened && opened.error().code != ErrorCode::corrupt) {
        return fail(opened.error().code,
                    fmt::format("{}: {}", segment_name(lane_, number), opened.error().what));
    }
    if (!opened) {
        return unlinked(opened.error().what);
    }
    segment_ = std::move(opened).value();
    tail_.origin = segment_->header().origin;
    learn_claim();
    if (before == 0 || number == before + 1) {
        return std::nullopt;
    }
    const std::uint64_t lost = number - 1;
    const bool aside = std::binary_search(quarantined_.begin(), quarantined_.end(), lost);
    return Gap{.kind = aside ? Gap::Kind::quarantined : Gap::Kind::missing,
               .file = segment_name(lane_, lost),
               .location = {lane_, lost, 0},
               .bytes = 0,
               .why = fmt::format("segments {} to {} are {}", before + 1, lost,
                                  aside ? "in quarantine" : "not there")};
}

/// Called at the end of a segment.
std::optional<Gap> LaneScanner::check_link() {
    const bool met = claim_met_;
    claim_met_ = true;
    if (met) {
        return std::nullopt;
    }
    return unlinked(
        fmt::format("the segment has {} batches; the next one says that it has {} and "
                    "continues another chain",
                    tail_.batches, successor_->prev_batches));
}

Result<Step> LaneScanner::next() {
    while (true) {
        if (!segment_) {
            if (index_ == numbers_.size()) {
                return Step();
            }
            NARROWS_TRY(auto gap, open_next());
            if (gap) {
                return Step(std::move(*gap));
            }
            continue;
        }
        NARROWS_TRY(auto step, segment_->next());
        tail_.batches = segment_->batches();
        tail_.end = segment_->end();
        tail_.chain = segment_->chain();
        Batch* batch = std::get_if<Batch>(&step);
        if (batch != nullptr && successor_) {
            batch->abandoned = batch->header.number >= successor_->prev_batches;
            if (batch->header.number + 1 == successor_->prev_batches) {
                claim_met_ = batch->header.chain == successor_->prev_chain;
            }
        }
        if (!std::holds_alternative<std::monostate>(step)) {
            return step;
        }
        segment_.reset();
        if (auto gap = check_link()) {
            return Step(std::move(*gap));
        }
    }
}

Result<Listing> list_segments(io::FileSystem& fs, const std::string& directory) {
    NARROWS_TRY(const auto names, fs.list(directory));
    Listing listing;
    for (const std::string& name : names) {
        std::string_view stem = name;
        if (stem.starts_with(kSparePrefix)) {
            listing.spares.push_back(name);
            continue;
        }
        const bool aside = stem.ends_with(kQuarantineSuffix);
        if (aside) {
            stem.remove_suffix(kQuarantineSuffix.size());
        }
        const auto found = parse_segment_name(stem);
        if (found) {
            auto& list = aside ? listing.quarantined : listing.segments;
            list[static_cast<std::size_t>(found.value().lane)].push_back(found.value().number);
        }
    }
    for (const Lane lane : kLanes) {
        const auto index = static_cast<std::size_t>(lane);
        std::sort(listing.segments[index].begin(), listing.segments[index].end());
        std::sort(listing.quarantined[index].begin(), listing.quarantined[index].end());
    }
    return listing;
}

Scan::Scan(io::FileSystem& fs, const std::string& directory, const Listing& listing, Lanes lanes)
    : lanes_{LaneScanner(fs, directory, Lane::control, listing.segments[0], listing.quarantined[0]),
             LaneScanner(fs, directory, Lane::bulk,
                         lanes == Lanes::both ? listing.segments[1] : std::vector<std::uint64_t>(),
                         listing.quarantined[1])},
      wanted_{true, true} {}

Result<Step> Scan::next() {
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
        if (wanted_[i]) {
            NARROWS_TRY(ahead_[i], lanes_[i].next());
            wanted_[i] = false;
        }
    }
    std::size_t chosen = 0;
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
        if (std::holds_alternative<Gap>(ahead_[i])) {
            chosen = i;
            break;
        }
        const Batch* mine = std::get_if<Batch>(&ahead_[i]);
        const Batch* best = std::get_if<Batch>(&ahead_[chosen]);
        if (mine != nullptr && (best == nullptr || is_earlier(*mine, *best))) {
            chosen = i;
        }
    }
    wanted_[chosen] = !std::holds_alternative<std::monostate>(ahead_[chosen]);
    return ahead_[chosen];
}

Result<std::optional<Frame>> FrameCursor::next() {
    if (left_ == 0) {
        if (!rest_.empty()) {
            return fail(ErrorCode::corrupt, "a batch has bytes after its last frame");
        }
        return std::nullopt;
    }
    NARROWS_TRY(const FrameHeader header, decode_frame_header(rest_));
    const ByteView payload = rest_.first(header.length).subspan(kFrameHeaderSize);
    const Frame frame = frame_of(header, payload, location_);
    rest_ = rest_.subspan(header.length);
    location_.offset += header.length;
    --left_;
    return frame;
}

Frame frame_of(const FrameHeader& header, ByteView payload, const Location& location) {
    return {.part = model::PartNo(header.part),
            .sequence = model::Sequence(header.sequence),
            .kind = *model::record_kind(header.kind),
            .flags = header.flags,
            .key = header.key,
            .time = header.time,
            .op = header.op,
            .epoch = header.epoch,
            .prev_leaf = header.prev_leaf,
            .commitment = header.commitment,
            .payload_sha256 = header.payload_sha256,
            .payload = payload,
            .location = location};
}

FrameHeader header_of(const Frame& frame) {
    return {.length = static_cast<std::uint32_t>(kFrameHeaderSize + frame.payload.size()),
            .kind = static_cast<std::uint8_t>(frame.kind),
            .flags = frame.flags,
            .key = frame.key,
            .part = frame.part.value(),
            .sequence = frame.sequence.value(),
            .time = frame.time,
            .op = frame.op,
            .epoch = frame.epoch,
            .prev_leaf = frame.prev_leaf,
            .commitment = frame.commitment,
            .payload_sha256 = frame.payload_sha256};
}

crypto::Digest leaf_of(std::string_view origin, const Frame& frame) {
    return leaf_of(origin, header_of(frame));
}

}  // namespace narrows::journal
