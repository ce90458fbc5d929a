#include "recorder/anchoring.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"

namespace narrows::recorder {
namespace {

using evidence::Anchored;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

}  // namespace

Anchoring::Anchoring(io::FileSystem& fs, const Clock& clock, std::string log_directory,
                     AnchorPolicy policy, std::vector<std::unique_ptr<evidence::Anchor>> anchors,
                     Tell tell)
    : fs_(fs),
      clock_(clock),
      log_directory_(std::move(log_directory)),
      policy_(policy),
      tell_(std::move(tell)),
      started_(clock.mono()) {
    for (auto& anchor : anchors) {
        auto sender = std::make_unique<Sender>();
        sender->state.name = anchor->name();
        sender->state.kind = anchor->kind();
        cosigners_ += anchor->key() != nullptr ? 1 : 0;
        sender->anchor = std::move(anchor);
        senders_.push_back(std::move(sender));
    }
    for (const auto& sender : senders_) {
        sender->thread = std::thread([this, raw = sender.get()] { run(*raw); });
    }
}

Anchoring::~Anchoring() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        round_ = {newest_, {}, true};
    }
    wake_.notify_all();
    for (const auto& sender : senders_) {
        sender->thread.join();
    }
}

void Anchoring::offer(const evidence::SignedCheckpoint& checkpoint) {
    const std::lock_guard lock(mutex_);
    newest_size_ = checkpoint.checkpoint.size;
    newest_ = std::make_shared<const evidence::SignedCheckpoint>(checkpoint);
    const bool due = !round_.checkpoint || clock_.mono() - round_began_ >= policy_.every_ns;
    if (!due || senders_.empty()) {
        return;
    }
    before_ = std::move(round_);
    round_ = {newest_, {}, false};
    round_began_ = clock_.mono();
    wake_.notify_all();
}

void Anchoring::run(Sender& sender) {
    while (const CheckpointPtr checkpoint = next(sender)) {
        const evidence::LogView log(fs_, log_directory_);
        Result<Anchored> answer = sender.anchor->give(*checkpoint, log);
        take(sender, checkpoint, std::move(answer));
    }
}

Anchoring::CheckpointPtr Anchoring::next(Sender& sender) {
    std::unique_lock lock(mutex_);
    const auto has_work = [&] { return round_.checkpoint && round_.checkpoint != sender.done; };
    while (!stopping_) {
        if (!has_work()) {
            wake_.wait(lock, [&] { return stopping_ || has_work(); });
        } else if (steady_clock::now() < sender.not_before) {
            wake_.wait_until(lock, sender.not_before, [this] { return stopping_; });
        } else {
            return round_.checkpoint;
        }
    }
    return has_work() && sender.failures == 0 ? round_.checkpoint : nullptr;
}

void Anchoring::take(Sender& sender, const CheckpointPtr& given, Result<Anchored> answer) {
    {
        const std::lock_guard lock(mutex_);
        sender.answered = true;
        if (!answer) {
            fail_once(sender, answer.error().what);
        } else if (answer.value().kind == Anchored::Kind::held) {
            take_held(sender, given, answer.value());
        } else if (answer.value().kind == Anchored::Kind::ahead &&
                   answer.value().known <= newest_size_) {
            fail_once(sender, "it was given a newer checkpoint by someone else meanwhile");
        } else {
            fail_once(sender, answer.value().why);
            sender.state.contradicts = true;
        }
    }
    wake_.notify_all();
    if (answer && answer.value().kind == Anchored::Kind::held) {
        tell(sender, answer.value(), given->checkpoint.size);
    }
}

void Anchoring::take_held(Sender& sender, const CheckpointPtr& given, const Anchored& anchored) {
    if (!sender.state.trouble.empty()) {
        log::info("anchor {} takes checkpoints again", sender.state.name);
    }
    sender.state.trouble.clear();
    sender.state.contradicts = false;
    sender.state.size = given->checkpoint.size;
    sender.last = clock_.mono();
    sender.done = given;
    sender.failures = 0;
    sender.not_before = {};
    for (Round* round : {&round_, &before_}) {
        if (anchored.cosignature && round->checkpoint == given && !round->written) {
            round->cosignatures.push_back(*anchored.cosignature);
        }
    }
}

void Anchoring::fail_once(Sender& sender, std::string why) {
    if (sender.state.trouble.empty()) {
        log::warn("anchor {} did not take a checkpoint: {}", sender.state.name, why);
    }
    sender.state.trouble = std::move(why);
    const int doublings = std::min(sender.failures++, 16);
    const std::int64_t pause = std::min(policy_.every_ns << doublings,
                                        std::max(policy_.every_ns, policy_.back_off_max_ns));
    sender.not_before = steady_clock::now() + nanoseconds(pause);
}

/// The empty tree is given at a first start only, to ask what an anchor knows.
void Anchoring::tell(const Sender& sender, const Anchored& anchored, std::uint64_t size) {
    if (size == 0) {
        return;
    }
    const evidence::VerifierKey* key = sender.anchor->key();
    if (key != nullptr && anchored.cosignature) {
        tell_(evidence::CosignEntry{sender.anchor->name(), evidence::vkey_text(*key), size,
                                    anchored.cosigned_at, anchored.cosignature->bytes});
    } else {
        tell_(evidence::AnchorEntry{sender.anchor->name(), sender.anchor->kind(), size});
    }
}

std::optional<evidence::Note> Anchoring::finished_round() {
    const std::lock_guard lock(mutex_);
    const bool complete = cosigners_ > 0 && round_.cosignatures.size() == cosigners_;
    for (Round* round : {&before_, &round_}) {
        const bool over = round == &before_ || complete;
        if (!over || round->written || round->cosignatures.empty() ||
            round->checkpoint->checkpoint.size == 0) {
            continue;
        }
        round->written = true;
        const auto note = evidence::parse_note(round->checkpoint->note);
        evidence::Note cosigned = note.value();
        cosigned.signatures.insert(cosigned.signatures.end(), round->cosignatures.begin(),
                                   round->cosignatures.end());
        return cosigned;
    }
    return std::nullopt;
}

Result<void> Anchoring::tidy() {
    while (const std::optional<evidence::Note> note = finished_round()) {
        NARROWS_TRY(io::durable_write(fs_, log_directory_ + "/cosigned",
                                      as_bytes(evidence::note_bytes(*note))));
    }
    return ok();
}

void Anchoring::await_first(std::chrono::milliseconds at_most) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, at_most, [this] {
        return std::all_of(senders_.begin(), senders_.end(),
                           [](const auto& sender) { return sender->answered; });
    });
}

std::vector<AnchorState> Anchoring::states() const {
    const std::lock_guard lock(mutex_);
    std::vector<AnchorState> states;
    for (const auto& sender : senders_) {
        states.push_back(sender->state);
        if (sender->last) {
            states.back().age_ns = clock_.mono() - *sender->last;
        }
    }
    return states;
}

std::optional<std::int64_t> Anchoring::age_ns() const {
    std::optional<std::int64_t> age;
    for (const AnchorState& state : states()) {
        if (state.age_ns && (!age || *state.age_ns < *age)) {
            age = state.age_ns;
        }
    }
    return age;
}

bool Anchoring::overdue() const {
    return !senders_.empty() && age_ns().value_or(clock_.mono() - started_) > policy_.age_max_ns;
}

}  // namespace narrows::recorder
