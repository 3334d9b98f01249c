#include "imapd/fetch/line.h"

#include <algorithm>
#include <charconv>

#include "common/log/log.h"
#include "common/mail/date.h"

namespace waxwing::imap {
namespace {

void write_number(Session& session, std::uint64_t number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number);
  session.write({digits, static_cast<std::size_t>(end.ptr - digits)});
}

// False for the items that have bytes of the message.
bool write_plain_item(Session& session, FetchKind kind, const store::MessageInfo& message,
                      const store::CachedMessage& cached) {
  const auto write = [&](std::string_view name, std::string_view value, std::string_view end = {}) {
    session.write(name);
    session.write(value);
    session.write(end);
  };
  switch (kind) {
    case FetchKind::uid:
      session.write("UID ");
      write_number(session, message.uid);
      return true;
    case FetchKind::flags:
      write("FLAGS ", session.selected()->flags_text(message, !session.rev2()));
      return true;
    case FetchKind::internal_date:
      write("INTERNALDATE \"", mail::format_internal_date(message.internal_date, message.zone_minutes), "\"");
      return true;
    case FetchKind::size:
      session.write("RFC822.SIZE ");
      write_number(session, message.size);
      return true;
    case FetchKind::modseq:
      session.write("MODSEQ (");
      write_number(session, message.modseq);
      session.write(")");
      return true;
    case FetchKind::email_id:
      write("EMAILID (", store::email_id_text(message.email_id), ")");
      return true;
    case FetchKind::thread_id:
      write("THREADID (", store::thread_id_text(message.thread_id), ")");
      return true;
    case FetchKind::envelope:
      write("ENVELOPE ", cached.envelope);
      return true;
    case FetchKind::body:
      write("BODY ", cached.body);
      return true;
    case FetchKind::body_structure:
      write("BODYSTRUCTURE ", cached.bodystructure);
      return true;
    default:
      return false;
  }
}

// A content's literal, but for the bytes of one that is streamed.
void begin_content(Session& session, const FetchItem& item, std::string_view name, const Content& content) {
  session.write(name);
  if (item.kind == FetchKind::binary_size) {
    write_number(session, content.missing ? 0 : content.size);
  } else if (content.missing) {
    session.write("NIL");
  } else {
    // Decoded parts may hold NUL: literal8.
    session.write(item.kind == FetchKind::binary ? "~{" : "{");
    write_number(session, content.size);
    session.write("}\r\n");
    session.write(content.bytes);
  }
}

bool is_streamed(const FetchItem& item, const Content& content) {
  return content.streamed && !content.missing && item.kind != FetchKind::binary_size;
}

Task<bool> stream_content(Session& session, const FetchedMessage& fetched, const Content& content) {
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

void begin_line(Session& session, std::uint32_t sequence) {
  session.write("* ");
  write_number(session, sequence);
  session.write(" FETCH (");
}

}  // namespace

bool is_at_hand(const Material& material) {
  return std::ranges::none_of(material.fetched.contents, &Content::streamed);
}

void write_line(Session& session, const FetchPlan& plan, const Wanted& wanted, const Material& material) {
  begin_line(session, wanted.sequence);
  const auto& items = plan.fetch.items;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) session.write(" ");
    if (!write_plain_item(session, items[i].kind, wanted.message, material.cached))
      begin_content(session, items[i], plan.names[i], material.fetched.contents[i]);
  }
  session.write(")\r\n");
}

Task<bool> send_content(Session& session, const FetchItem& item, std::string_view name,
                        const FetchedMessage& fetched, const Content& content) {
  begin_content(session, item, name, content);
  if (!is_streamed(item, content)) co_return true;
  const bool sent = co_await stream_content(session, fetched, content);
  co_return sent;
}

Task<bool> send_line(Session& session, const FetchPlan& plan, const Wanted& wanted,
                     const Material& material) {
  if (is_at_hand(material)) {
    write_line(session, plan, wanted, material);
    co_return true;
  }
  begin_line(session, wanted.sequence);
  const auto& items = plan.fetch.items;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) session.write(" ");
    if (write_plain_item(session, items[i].kind, wanted.message, material.cached)) continue;
    const bool sent = co_await send_content(session, items[i], plan.names[i], material.fetched,
                                            material.fetched.contents[i]);
    if (!sent) co_return false;
  }
  session.write(")\r\n");
  co_return true;
}

}  // namespace waxwing::imap
