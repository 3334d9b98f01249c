#include "imapd/commands/sort_gather.h"

#include "common/base/time.h"
#include "imapd/server.h"

namespace waxwing::imap {
namespace {

constexpr std::int64_t kSliceMs = 20;         // what reading headers may keep a worker for
constexpr std::size_t kSliceMessages = 4096;  // and how much of it is held before it is taken in

Result<MessageKeys> read_keys(store::Mailbox& mailbox, const store::MessageInfo& message, unsigned columns) {
  auto cached = mailbox.cached(message);
  if (cached) return message_keys(mail::HeaderBlock::scan(cached->headers), message, columns);
  if (store::code_of(cached.error()) != store::Code::nonexistent) return std::unexpected(cached.error());
  return message_keys(mail::HeaderBlock::scan(""), message, columns);
}

}  // namespace

Task<Result<FoundMessages>> found_messages(Session& session, const SearchProgram& program) {
  FoundMessages messages;
  const Found found = [&](std::uint32_t sequence, const store::MessageInfo& message) {
    messages.sequences.push_back(sequence);
    messages.uids.push_back(message.uid);
    messages.highest_modseq = std::max(messages.highest_modseq, message.modseq);
  };
  auto searched = co_await search_selected(session, program, found);
  CO_TRY_VOID(searched);
  co_return messages;
}

Task<Result<std::shared_ptr<MailboxKeys>>> gather_keys(Session& session, unsigned columns,
                                                       const FoundMessages& messages) {
  auto& mailbox = *session.selected()->mailbox;
  const auto& view = *session.selected()->view;
  std::shared_ptr<MailboxKeys> keys;
  auto look = [&] {
    keys = session.server().sort_keys().of(mailbox.entry().id, view.uidvalidity());
    return keys->missing(columns, messages.uids);
  };
  const auto missing = co_await session.on_worker(look);
  for (std::size_t next = 0; next < missing.size();) {
    auto work = [&]() -> Result<> {
      std::vector<MessageKeys> slice;
      const auto end = std::min(missing.size(), next + kSliceMessages);
      for (const auto since = monotonic_ms(); next < end && monotonic_ms() - since < kSliceMs; ++next) {
        const auto sequence = view.sequence_of(missing[next]);
        const auto message = sequence ? view.message(sequence) : store::MessageInfo{.uid = missing[next]};
        TRY(auto one, read_keys(mailbox, message, columns));
        slice.push_back(std::move(one));
      }
      keys->add(columns, slice);
      return {};
    };
    auto done = co_await session.on_worker(work);
    CO_TRY_VOID(done);
  }
  co_return keys;
}

Task<void> trim_keys(Session& session) {
  auto trim = [&] { session.server().sort_keys().trim(session.server().settings()->sort_cache_bytes); };
  co_await session.on_worker(trim);
}

}  // namespace waxwing::imap
