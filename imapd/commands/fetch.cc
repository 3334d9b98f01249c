// FETCH and UID FETCH: RFC 9051 §6.4.5, §7.5.2.
//
// Index and cache answer everything but message text, without opening a file. A message's line is written
// only when all its parts have been found, so a damaged message never breaks the answer's syntax; large
// parts are then streamed. Memory is one piece and one message's cached structure, whatever is fetched.
#include <algorithm>

#include "common/log/log.h"
#include "common/mail/date.h"
#include "imapd/commands/commands.h"
#include "imapd/fetch/source.h"

namespace waxwing::imap {
namespace {

struct Request {
  SequenceSet set;
  FetchRequest fetch;
  bool from_cache_only = false;  // no message file is needed
  bool needs_cache = false;
};

Result<Request> fetch_arguments(Scanner& in, bool by_uid) {
  Request request;
  TRY_VOID(in.space());
  TRY(request.set, SequenceSet::parse(in));
  TRY_VOID(in.space());
  TRY(request.fetch, parse_fetch(in));
  TRY_VOID(in.end());
  auto& fetch = request.fetch;
  if (by_uid && !fetch.asks(FetchKind::uid))
    fetch.items.insert(fetch.items.begin(), {.kind = FetchKind::uid});
  if (fetch.changed_since && !fetch.asks(FetchKind::modseq))
    fetch.items.push_back({.kind = FetchKind::modseq});
  request.from_cache_only = is_served_by_cache(fetch);
  request.needs_cache = fetch.asks(FetchKind::envelope) || fetch.asks(FetchKind::body) ||
                        fetch.asks(FetchKind::body_structure) ||
                        (fetch.needs_message() && request.from_cache_only);
  return request;
}

// Everything one message's line is made of.
struct Material {
  store::CachedMessage cached;
  FetchedMessage fetched;
};

// Gathers it: inline from index and cache where it can, else on a worker.
Task<Result<Material>> gather(Session& session, const Request& request, const store::MessageInfo& message) {
  auto& mailbox = *session.selected()->mailbox;
  Material material;
  if (request.needs_cache) {
    auto cached = mailbox.cached_now(message);
    if (cached) {
      material.cached = std::move(*cached);
    } else {
      auto work = [&] { return mailbox.cached(message); };
      auto parsed = co_await session.on_worker(work);
      CO_TRY(material.cached, std::move(parsed));
    }
  }
  if (request.from_cache_only) {
    if (request.fetch.needs_message()) material.fetched = fetch_from_cache(request.fetch, material.cached);
    co_return material;
  }
  auto work = [&] { return fetch_from_file(request.fetch, mailbox, message); };
  auto fetched = co_await session.on_worker(work);
  CO_TRY(material.fetched, std::move(fetched));
  co_return material;
}

// "BODY[1.TEXT]<100>" and its like, with the blank behind it.
std::string item_name(const FetchItem& item) {
  if (item.kind == FetchKind::rfc822) return std::string(item.old_name) + " ";
  std::string name = item.kind == FetchKind::section  ? "BODY["
                     : item.kind == FetchKind::binary ? "BINARY["
                                                      : "BINARY.SIZE[";
  name += mail::format_section(item.section) + "]";
  if (item.partial) name += "<" + std::to_string(item.partial->offset) + ">";
  return name + " ";
}

std::string plain_item(Session& session, const FetchItem& item, const store::MessageInfo& message,
                       const store::CachedMessage& cached) {
  switch (item.kind) {
    case FetchKind::uid:
      return "UID " + std::to_string(message.uid);
    case FetchKind::flags:
      return "FLAGS " + session.selected()->flags_text(message, !session.rev2());
    case FetchKind::internal_date:
      return "INTERNALDATE \"" + mail::format_internal_date(message.internal_date, message.zone_minutes) +
             "\"";
    case FetchKind::size:
      return "RFC822.SIZE " + std::to_string(message.size);
    case FetchKind::modseq:
      return "MODSEQ (" + std::to_string(message.modseq) + ")";
    case FetchKind::email_id:
      return "EMAILID (" + store::email_id_text(message.email_id) + ")";
    case FetchKind::thread_id:
      return "THREADID (" + store::thread_id_text(message.thread_id) + ")";
    case FetchKind::envelope:
      return "ENVELOPE " + std::string(cached.envelope);
    case FetchKind::body:
      return "BODY " + std::string(cached.body);
    case FetchKind::body_structure:
      return "BODYSTRUCTURE " + std::string(cached.bodystructure);
    default:
      return "";
  }
}

// A content's literal. False: it could not be sent whole, the connection has to end.
Task<bool> send_content(Session& session, const FetchItem& item, const FetchedMessage& fetched,
                        const Content& content) {
  session.write(item_name(item));
  if (item.kind == FetchKind::binary_size) {
    session.write(std::to_string(content.missing ? 0 : content.size));
    co_return true;
  }
  if (content.missing) {
    session.write("NIL");
    co_return true;
  }
  // Decoded parts may hold NUL: literal8.
  session.write((item.kind == FetchKind::binary ? "~{" : "{") + std::to_string(content.size) + "}\r\n");
  if (!content.streamed) {
    session.write(content.bytes);
    co_return true;
  }
  ContentReader reader(fetched.file, content);
  for (;;) {
    auto work = [&] { return reader.next(); };
    auto piece = co_await session.on_worker(work);
    if (!piece) {
      log::Event("imap.fetch.broken").with("sid", session.id()).with("error", piece.error().text).error();
      co_return false;
    }
    if (piece->empty()) co_return true;
    session.write(*piece);
    const bool goes_on = co_await session.breathe();
    if (!goes_on) co_return false;
  }
}

Task<bool> send_message(Session& session, const Request& request, std::uint32_t sequence,
                        const store::MessageInfo& message, const Material& material) {
  session.write("* " + std::to_string(sequence) + " FETCH (");
  for (std::size_t i = 0; i < request.fetch.items.size(); ++i) {
    const auto& item = request.fetch.items[i];
    if (i > 0) session.write(" ");
    const auto text = plain_item(session, item, message, material.cached);
    session.write(text);
    if (!text.empty()) continue;
    const bool sent = co_await send_content(session, item, material.fetched, material.fetched.contents[i]);
    if (!sent) co_return false;
  }
  session.write(")\r\n");
  co_return true;
}

struct Outcome {
  std::uint32_t gone = 0;       // expunged by others, bytes no longer there
  std::optional<Error> damage;  // the last thing that could not be read
  bool unknown_encoding = false;
  store::UidSet to_be_seen;
};

void note_failure(Session& session, Outcome& outcome, const store::MessageInfo& message, Error error) {
  if (store::code_of(error) == store::Code::nonexistent) {
    ++outcome.gone;
    return;
  }
  log::Event("imap.fetch.failed")
      .with("sid", session.id())
      .with("uid", static_cast<std::int64_t>(message.uid))
      .with("error", error.text)
      .warning();
  outcome.damage = std::move(error);
}

// False: the connection has to end.
Task<bool> fetch_one(Session& session, const Request& request, std::uint32_t sequence, Outcome& outcome) {
  const auto message = session.selected()->view->message(sequence);
  if (request.fetch.changed_since && message.modseq <= *request.fetch.changed_since) co_return true;
  auto material = co_await gather(session, request, message);
  if (!material) {
    note_failure(session, outcome, message, std::move(material.error()));
    co_return true;
  }
  const auto& contents = material->fetched.contents;
  if (std::ranges::any_of(contents, &Content::unknown_encoding)) {
    outcome.unknown_encoding = true;
    co_return true;
  }
  const bool sent = co_await send_message(session, request, sequence, message, *material);
  if (!sent) co_return false;
  if (!(message.flags & store::kSeen)) store::add_uid(outcome.to_be_seen, message.uid);
  const bool goes_on = co_await session.breathe();
  co_return goes_on;
}

Answer concluded(const Outcome& outcome) {
  if (outcome.unknown_encoding) return Answer::no("[UNKNOWN-CTE] A part's transfer encoding is not known");
  if (outcome.damage) return answer_for(*outcome.damage);
  if (outcome.gone > 0) return Answer::no("[EXPUNGEISSUED] Some messages have been expunged");
  return Answer::ok("FETCH completed");
}

}  // namespace

Task<Answer> fetch(Session& session, Command& command) {
  const auto request = fetch_arguments(command.arguments, command.by_uid);
  if (!request) co_return bad_syntax(request.error());
  auto& selected = *session.selected();
  const auto sequences = selected.sequences(request->set, command.by_uid);
  if (!sequences) co_return bad_syntax(sequences.error());
  if (request->fetch.asks(FetchKind::modseq)) session.enable_condstore();
  Outcome outcome;
  for (const auto& range : *sequences)
    for (auto n = range.first; n <= range.last; ++n) {
      const bool goes_on = co_await fetch_one(session, *request, n, outcome);
      if (goes_on) continue;
      session.abandon();
      co_return Answer::no("");
    }
  if (request->fetch.sets_seen() && !selected.read_only && !outcome.to_be_seen.empty()) {
    const store::FlagChange change{.how = store::FlagChange::How::add, .flags = store::kSeen};
    auto work = [&] { return selected.mailbox->store_flags(outcome.to_be_seen, change); };
    auto seen = co_await session.on_worker(work);
    if (!seen) co_return answer_for(seen.error());
  }
  co_return concluded(outcome);
}

}  // namespace waxwing::imap
