// SORT and UID SORT: RFC 5256 §3; SORT RETURN (RFC 5267 §3); SORT=DISPLAY (RFC 5957).
#include <optional>

#include "imapd/commands/commands.h"
#include "imapd/commands/sort_gather.h"
#include "imapd/commands/sort_result.h"
#include "imapd/parse/sort_program.h"
#include "imapd/server.h"
#include "imapd/sort/sorter.h"

namespace waxwing::imap {
namespace {

using Kind = SortKey::Kind;
using Columns = std::vector<std::vector<std::uint64_t>>;

Result<SortProgram> sort_arguments(Scanner& in) {
  TRY_VOID(in.space());
  return parse_sort(in);
}

unsigned column_of(Kind kind) {
  switch (kind) {
    case Kind::arrival:
    case Kind::size:
      return 0;
    case Kind::date:
      return kSent;
    case Kind::subject:
      return kSubject;
    default:
      return kAddresses;
  }
}

AddressKey address_of(Kind kind) {
  switch (kind) {
    case Kind::from:
      return from;
    case Kind::to:
      return to;
    case Kind::cc:
      return cc;
    case Kind::display_from:
      return display_from;
    default:
      return display_to;
  }
}

// From the index alone.
std::vector<std::uint64_t> index_values(const store::View& view, const FoundMessages& messages, Kind kind) {
  std::vector<std::uint64_t> values;
  values.reserve(messages.sequences.size());
  for (const auto sequence : messages.sequences) {
    const auto message = view.message(sequence);
    const auto date = static_cast<std::uint64_t>(message.internal_date) ^ (std::uint64_t{1} << 63);
    values.push_back(kind == Kind::size ? message.size : date);
  }
  return values;
}

Columns values_of(const store::View& view, const FoundMessages& messages, MailboxKeys& keys,
                  const std::vector<SortKey>& wanted) {
  Columns columns;
  for (const auto& key : wanted) {
    auto& values = columns.emplace_back();
    if (column_of(key.kind) == 0)
      values = index_values(view, messages, key.kind);
    else if (key.kind == Kind::date)
      values = keys.sent(messages.uids);
    else if (key.kind == Kind::subject)
      values = keys.subjects(messages.uids);
    else
      values = keys.addresses(messages.uids, address_of(key.kind));
    if (key.reverse)
      for (auto& value : values) value = ~value;
  }
  return columns;
}

// Positions in messages, sorted.
Task<Result<std::vector<std::uint32_t>>> sorted(Session& session, const SortProgram& program,
                                                const FoundMessages& messages) {
  unsigned wanted = 0;
  for (const auto& key : program.keys) wanted |= column_of(key.kind);
  auto gathered = co_await gather_keys(session, wanted, messages);
  CO_TRY(const auto keys, std::move(gathered));
  std::optional<Sorter> sorter;
  auto begin = [&] {
    sorter.emplace(values_of(*session.selected()->view, messages, *keys, program.keys));
    return sorter->step();
  };
  bool done = co_await session.on_worker(begin);
  while (!done) {
    auto step = [&] { return sorter->step(); };
    done = co_await session.on_worker(step);
  }
  co_return sorter->order();
}

}  // namespace

Task<Answer> sort(Session& session, Command& command) {
  auto program = sort_arguments(command.arguments);
  if (!program) co_return bad_syntax(program.error());
  if (const auto known = settle_charset(program->search); !known) co_return Answer::no(known.error().text);
  const bool modseq = program->search.root.uses_modseq();
  if (modseq) session.enable_condstore();
  auto found = co_await found_messages(session, program->search);
  if (!found) co_return answer_for(found.error());
  auto order = co_await sorted(session, *program, *found);
  if (!order) co_return answer_for(order.error());
  const SortResult result{.program = program->search,
                          .by_uid = command.by_uid,
                          .numbers = command.by_uid ? found->uids : found->sequences,
                          .order = *order,
                          .highest_modseq = modseq ? found->highest_modseq : 0};
  if (program->search.wants_save) session.selected()->saved = result.saved(found->uids);
  co_await result.send(session, command.tag);
  co_await trim_keys(session);
  co_return Answer::ok("SORT completed");
}

}  // namespace waxwing::imap
