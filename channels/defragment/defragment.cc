#include "channels/defragment/defragment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <utility>

#include "channels/defragment/whole_message.h"
#include "channels/resubmit/again.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "common/net/seqpacket.h"

namespace waxwing::channels {

namespace {

using mta::queue::FileName;
using mta::queue::Reader;

constexpr std::int64_t kAnswerMs = 5000;  // of the job controller

GatheringLimits limits_of(const Config& config) {
  GatheringLimits limits;
  limits.pieces = static_cast<std::size_t>(std::max<std::int64_t>(0, config.number("defragment.maxpieces")));
  limits.pieces_of_a_message =
      static_cast<unsigned>(std::clamp<std::int64_t>(config.number("defragment.maxtotal"), 0, 100'000));
  return limits;
}

constexpr const char* kPutTogether = "2.5.0 put together with the other pieces";

Taken::Recipients pending_of(const Reader& message, const std::string& host) {
  Taken::Recipients pending;
  for (const auto i : message.recipients_of(host))
    if (message.envelope().recipients[i].progress.status == mta::queue::Status::pending) pending.push_back(i);
  return pending;
}

// The names that files of a channel have now, by key().
class Names {
 public:
  explicit Names(const mta::queue::Queue& queue) : queue_(queue) {}
  // Nothing: it is gone. key: "channel/bucket/id.copy". Error: its folder cannot be read now.
  Result<std::optional<FileName>> of(const std::string& key) {
    const auto pieces = split(key, '/');
    if (pieces.size() != 3) return std::nullopt;
    const std::string channel(pieces[0]), bucket(pieces[1]);
    auto at = known_.find(channel + "/" + bucket);
    if (at == known_.end()) {
      TRY(auto names, queue_.list_bucket(channel, bucket));
      at = known_.try_emplace(channel + "/" + bucket).first;
      for (auto& name : names) at->second.emplace(name.key(), name);
    }
    const auto found = at->second.find(key);
    return found == at->second.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  const mta::queue::Queue& queue_;
  std::unordered_map<std::string, std::unordered_map<std::string, FileName>> known_;
};

}  // namespace

Defragment::Defragment(MasterContext& context, std::shared_ptr<mta::Submitter> submitter)
    : MarkedChannel(context, kPutTogether),
      submitter_(std::move(submitter)),
      gathering_(limits_of(*context.daemon().config())) {}

Result<std::unique_ptr<Channel>> Defragment::create(MasterContext& context) {
  TRY(auto submitter, mta::Submitter::create(context.daemon(), context.queue()));
  std::unique_ptr<Defragment> channel(new Defragment(context, std::move(submitter)));
  TRY_VOID(channel->start());
  return channel;
}

// Two programs would each see some of the pieces, and one that outlived its job controller may still be at work.
Result<> Defragment::start() {
  const auto path = context_.daemon().config()->path_of("run/" + context_.channel() + ".lock");
  TRY(lock_, open_file(path, O_RDWR | O_CREAT, 0640));
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0)
    return temporary("another program works on channel " + context_.channel() +
                     ", which takes one at a time: give it maxjobs 1 in imta.cnf");
  const auto& queue = *context_.queue();
  return queue.scan(context_.channel(), [this](const FileName& file) {
    if (!file.held) take_up(file);
    return !gathering_.is_full();
  });
}

bool Defragment::has_gone_on(const Reader& message) {
  const auto& host = message.envelope().recipients.front().host;
  const auto gone = taken_.of(unit_of(message, host), pending_of(message, host));
  return !gone || !gone->empty();
}

// What cannot be read is found again when the job controller gives it to us.
void Defragment::take_up(const FileName& file) {
  const auto message = Reader::open(*context_.queue(), file);
  if (!message) return;
  const auto header = message->read_header();
  const auto piece = header ? parse_piece(*header) : Result<Piece>(std::unexpected(header.error()));
  if (!piece) return;
  PieceSet* set = nullptr;
  const auto& envelope = message->envelope();
  if (has_gone_on(*message)) return;
  const auto key = set_key(*piece, envelope);
  const auto added = gathering_.add(key, *piece, file, envelope.arrival_ms, set);
  // Compared with the first one when it is its turn.
  if (added == Gathering::Added::copy) gathering_.forget(key, file);
}

std::int64_t Defragment::timeout_ms() const {
  return context_.daemon().config()->number("defragment.timeout") * 1000;
}

// Recipients that went on by themselves are done first: who is left makes the set.
Task<void> Defragment::pass(Work& work, std::vector<std::size_t> recipients) {
  if (recipients.size() < work.pending().size()) co_return;
  const auto& file = work.message().name();
  auto header = work.message().read_header();
  if (!header) {
    work.defer_rest("4.3.0 " + header.error().text);
    co_return;
  }
  const auto piece = parse_piece(*header);
  if (!piece) {
    co_await pass_on_alone(work, "2.5.0 queued as it is (" + piece.error().text + ")");
    co_return;
  }
  const auto key = set_key(*piece, work.envelope());
  PieceSet* set = nullptr;
  const auto added = gathering_.add(key, *piece, file, work.envelope().arrival_ms, set);
  if (added == Gathering::Added::refused)
    co_await pass_on_alone(work, "2.5.0 queued as it is (there are too many pieces)");
  else if (added == Gathering::Added::copy && set->given_up.empty())
    co_await copy(work, key, *piece, *set);
  else
    co_await wait_or_go(work, key, *piece, *set);
}

Task<void> Defragment::pass_on_alone(Work& work, std::string text) {
  auto recipients = work.pending();
  co_await pass_on(context_, submitter_, taken_, work, std::move(recipients), std::move(text));
}

Task<void> Defragment::copy(Work& work, const std::string& key, const Piece& piece, PieceSet& set) {
  const auto& queue = *context_.queue();
  const auto& mine = work.message().name();
  auto compare = [&]() -> Result<bool> {
    TRY(const auto first, Names(queue).of(set.pieces.at(piece.number).key()));
    if (!first) return temporary("gone");
    return same_text(queue, *first, mine);
  };
  auto same = co_await context_.workers().run(compare);
  if (same && *same) {
    gathering_.forget(key, mine);
    for (const auto i : work.pending()) work.delivered_with_dsn(i, "2.5.0 the same piece is here already");
    co_return;
  }
  if (same) {
    set.given_up = fmt::format("two different pieces say that they are number {}", piece.number);
    co_await give_up(work, key, set);
    co_return;
  }
  // The first one is gone or damaged: this one takes its place.
  gathering_.lose(set, piece.number);
  set.pieces.emplace(piece.number, mine);
  co_await wait_or_go(work, key, piece, set);
}

Task<void> Defragment::wait_or_go(Work& work, const std::string& key, const Piece& piece, PieceSet& set) {
  const auto until = set.first_arrival_ms + timeout_ms();
  if (set.given_up.empty() && wall_ms() >= until && !set.whole())
    set.given_up =
        fmt::format("{} of {} pieces came in {} seconds", set.pieces.size(),
                    set.total == 0 ? std::string("an unknown number of") : std::to_string(set.total),
                    timeout_ms() / 1000);
  if (!set.given_up.empty()) {
    co_await give_up(work, key, set);
    co_return;
  }
  if (set.whole()) {
    co_await put_together(work, key, piece, set);
    co_return;
  }
  work.defer_rest(fmt::format("4.4.7 piece {} of {} waits for the others", piece.number,
                              set.total == 0 ? std::string("?") : std::to_string(set.total)));
  work.retry_at(until);
}

Result<std::map<unsigned, FileName>> Defragment::find(const PieceSet& set) const {
  Names names(*context_.queue());
  std::map<unsigned, FileName> found;
  for (const auto& [number, file] : set.pieces) {
    TRY(const auto now, names.of(file.key()));
    if (now && !now->held) found.emplace(number, *now);
  }
  return found;
}

Task<void> Defragment::put_together(Work& work, const std::string& key, const Piece& piece, PieceSet& set) {
  auto look = [&] { return find(set); };
  auto found = co_await context_.workers().run(look);
  if (!found) {
    work.defer_rest("4.3.0 " + found.error().text);
    co_return;
  }
  found->emplace(piece.number, work.message().name());
  if (found->size() != set.total) {
    // Somebody holds or has deleted the others: they come anew when they are released, and until then count as not here.
    for (unsigned number = 1; number <= set.total; ++number)
      if (!found->contains(number)) gathering_.lose(set, number);
    co_await wait_or_go(work, key, piece, set);
    co_return;
  }
  std::vector<FileName> pieces;
  for (const auto& [number, file] : *found) pieces.push_back(file);
  std::string queue_id;
  auto verdict = co_await send_whole(work, pieces, queue_id);
  if (verdict.ok()) {
    co_await done(work, key, set, queue_id);
    co_return;
  }
  if (verdict.temporary()) {
    for (const auto i : work.pending()) judge(work, i, verdict);
    co_return;
  }
  set.given_up = verdict.text;
  co_await give_up(work, key, set);
}

Task<mta::Verdict> Defragment::send_whole(Work& work, const std::vector<FileName>& pieces,
                                          std::string& queue_id) {
  const auto most = context_.daemon().config()->number("defragment.maxbytes");
  const auto& queue = *context_.queue();
  auto open = [&] {
    return WholeMessage::open(queue, pieces, static_cast<std::uint64_t>(std::max<std::int64_t>(0, most)));
  };
  auto whole = co_await context_.workers().run(open);
  if (!whole) {
    const bool for_good = whole.error().fault == Fault::permanent;
    co_return mta::Verdict{for_good ? 554 : 451, for_good ? "5.6.0" : "4.3.0", whole.error().text};
  }
  Onward onward(context_, submitter_, taken_, work);
  auto mark = [&] { return take_along(work, pieces, onward); };
  auto marked = co_await context_.workers().run(mark);
  if (!marked) co_return mta::Verdict{451, "4.3.0", marked.error().text};
  auto recipients = work.pending();
  NextBytes next = [&whole] { return whole->next(); };
  auto verdict = co_await onward.send(std::move(recipients), whole->size_bytes(), std::move(next));
  queue_id = onward.queue_id();
  co_return verdict;
}

Result<> Defragment::take_along(const Work& work, const std::vector<FileName>& pieces, Onward& onward) {
  for (const auto& piece : pieces) {
    if (piece.key() == work.message().name().key()) continue;
    TRY(const auto message, open_piece(*context_.queue(), piece));
    auto unit = unit_of(message, work.host());
    auto pending = pending_of(message, work.host());
    TRY(const auto gone, taken_.of(unit, pending));
    if (!gone.empty()) return temporary("a piece has gone on already: " + piece.relative());
    onward.take_along(std::move(unit), std::move(pending));
  }
  return {};
}

Task<void> Defragment::done(Work& work, const std::string& key, PieceSet& set, const std::string& queue_id) {
  log::Event("defragment.whole")
      .with("qid", work.queue_id())
      .with("id", set.id)
      .with("pieces", static_cast<std::int64_t>(set.total))
      .with("as", queue_id)
      .information();
  gathering_.drop(key);
  for (const auto i : work.pending()) work.queued_as(i, kPutTogether, queue_id);
  called_ = queue_id;
  co_await call(work.host());
}

Task<void> Defragment::had_gone_on(const Work& work, std::string queue_id) {
  if (std::exchange(called_, queue_id) == queue_id) co_return;
  co_await call(work.host());
}

Task<void> Defragment::give_up(Work& work, const std::string& key, PieceSet& set) {
  const auto why = set.given_up;
  const bool first = !std::exchange(set.called, true), others = set.files.size() > 1;
  if (first)
    log::Event("defragment.given_up")
        .with("qid", work.queue_id())
        .with("id", printable(set.id, 200))
        .with("why", why)
        .notice();
  co_await pass_on_alone(work, "2.5.0 queued as it is (" + printable(why, 200) + ")");
  const bool gone = std::ranges::all_of(work.pending(),
                                        [&](auto i) { return work.verdict(i).kind != Work::Kind::deferred; });
  if (gone) gathering_.forget(key, work.message().name());
  if (first && others) co_await call(work.host());
}

Task<void> Defragment::call(std::string host) {
  auto connected = connect_unix(context_.daemon().config()->path_of("run/job_controller"));
  if (!connected) co_return;
  PacketSocket controller(context_.loop(), std::move(*connected));
  const auto asked = controller.send(
      Record("call").set("channel", context_.channel()).set("host", host).set("by", context_.channel()));
  if (!asked) co_return;
  auto answer = co_await controller.receive(kAnswerMs);
  if (!answer) log::Event("defragment.call.failed").with("error", answer.error().text).warning();
}

}  // namespace waxwing::channels
