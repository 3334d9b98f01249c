#include "imapd/search/walk.h"

#include <algorithm>

#include "common/base/time.h"
#include "common/mail/charset.h"
#include "imapd/search/matcher.h"
#include "imapd/server.h"

namespace waxwing::imap {
namespace {

constexpr std::uint32_t kBlock = 512;  // messages judged inline before others get their turn
constexpr std::uint32_t kClockEvery = 8;
constexpr std::int64_t kLoopMs = 5;     // what a search may keep the loop's other sessions waiting
constexpr std::int64_t kWorkerMs = 50;  // what it may keep a worker for

Matcher::Context context_of(Session& session) {
  const auto& selected = *session.selected();
  const auto exists = selected.view->exists();
  return {.keywords = selected.mailbox->keywords(),
          .exists = exists,
          .largest_uid = exists > 0 ? selected.view->uid(exists) : 0,
          .saved = selected.saved,
          .now = wall_seconds(),
          .max_part_bytes = session.server().settings()->search_max_part_bytes};
}

// A message of a block whose verdict is still open, with its cache entry kept alive.
struct Open {
  Candidate candidate;
  store::CachedMessage cached;
};

// Judges the open ones on workers, a step at a time: however much there is to read, nobody keeps a worker for
// long. Answers those that match.
Task<Result<std::vector<std::uint32_t>>> judge_open(Session& session, const Matcher& matcher,
                                                    std::vector<Open>& open) {
  std::vector<std::uint32_t> found;
  auto& mailbox = *session.selected()->mailbox;
  std::optional<Matcher::Late> late;
  for (std::size_t next = 0; next < open.size();) {
    auto work = [&]() -> Result<> {
      const auto until_ms = monotonic_ms() + kWorkerMs;
      while (next < open.size() && monotonic_ms() < until_ms) {
        auto& one = open[next];
        one.candidate.cached = one.cached.keep ? &one.cached : nullptr;
        if (!late) late.emplace(matcher, one.candidate, mailbox);
        TRY(const auto verdict, late->step(until_ms));
        if (verdict == Verdict::open) continue;
        if (verdict == Verdict::yes) found.push_back(one.candidate.sequence);
        late.reset();
        ++next;
      }
      return {};
    };
    auto judged = co_await session.on_worker(work);
    CO_TRY_VOID(judged);
  }
  co_return found;
}

// Sequence numbers first..last that match, ascending.
Task<Result<std::vector<std::uint32_t>>> search_block(Session& session, const Matcher& matcher,
                                                      std::uint32_t first, std::uint32_t last) {
  auto& selected = *session.selected();
  std::vector<std::uint32_t> found;
  std::vector<Open> open;
  auto since = monotonic_ms();
  for (auto n = first; n <= last; ++n) {
    if (matcher.uses_headers() && (n - first) % kClockEvery == 0 && monotonic_ms() - since >= kLoopMs) {
      co_await session.stream().loop().sleep(0);
      since = monotonic_ms();
    }
    Open one;
    one.candidate = {.sequence = n, .info = selected.view->message(n)};
    one.candidate.recent = !session.rev2() && selected.view->is_recent(one.candidate.info.uid);
    if (matcher.uses_headers()) {
      if (auto cached = selected.mailbox->cached_now(one.candidate.info)) one.cached = std::move(*cached);
      one.candidate.cached = one.cached.keep ? &one.cached : nullptr;
    }
    const auto verdict = matcher.match(one.candidate);
    if (verdict == Verdict::yes) found.push_back(n);
    if (verdict == Verdict::open) open.push_back(std::move(one));
  }
  if (open.empty()) co_return found;
  auto late = co_await judge_open(session, matcher, open);
  CO_TRY(const auto more, std::move(late));
  found.insert(found.end(), more.begin(), more.end());
  std::ranges::sort(found);
  co_return found;
}

}  // namespace

Result<> settle_charset(SearchProgram& program) {
  if (program.has_charset && !mail::is_known_charset(program.charset))
    return permanent("[BADCHARSET (US-ASCII UTF-8)] Charset not known here");
  // Clients send UTF-8 without saying so; ASCII is the same in both.
  if (!program.has_charset) program.charset = "UTF-8";
  return {};
}

Task<Result<>> search_selected(Session& session, const SearchProgram& program, const Found& found) {
  auto prepared = Matcher::prepare(program, context_of(session));
  CO_TRY(const auto matcher, std::move(prepared));
  const auto exists = session.selected()->view->exists();
  for (std::uint32_t searched = 0; searched < exists;) {
    const auto last = std::min(exists, searched + kBlock);
    auto block = co_await search_block(session, matcher, searched + 1, last);
    CO_TRY(const auto numbers, std::move(block));
    for (const auto n : numbers) found(n, session.selected()->view->message(n));
    searched = last;
    if (last < exists) co_await session.stream().loop().sleep(0);
  }
  co_return Result<>{};
}

}  // namespace waxwing::imap
