#include "imapd/parse/arguments.h"

#include "common/base/strings.h"
#include "common/mail/date.h"

namespace waxwing::imap {
namespace {

constexpr std::size_t kMaxPatterns = 100;
constexpr std::size_t kMaxIdFields = 30;

Result<> status_item(Scanner& in, StatusItems& items) {
  struct Named {
    std::string_view name;
    bool StatusItems::*member;
  };
  static constexpr Named table[] = {
      {"MESSAGES", &StatusItems::messages},
      {"RECENT", &StatusItems::recent},
      {"UIDNEXT", &StatusItems::uidnext},
      {"UIDVALIDITY", &StatusItems::uidvalidity},
      {"UNSEEN", &StatusItems::unseen},
      {"DELETED", &StatusItems::deleted},
      {"SIZE", &StatusItems::size},
      {"HIGHESTMODSEQ", &StatusItems::highest_modseq},
      {"MAILBOXID", &StatusItems::mailbox_id},
  };
  for (const auto& named : table)
    if (in.take_word(named.name)) {
      items.*named.member = true;
      return {};
    }
  return permanent("unknown STATUS item \"" + printable(in.rest(), 40) + "\"");
}

Result<> selection_options(Scanner& in, ListArguments& list) {
  if (!in.take('(')) return {};
  list.extended = true;
  while (in.peek() != ')') {
    if (in.take_word("SUBSCRIBED"))
      list.select_subscribed = true;
    else if (in.take_word("REMOTE"))
      list.select_remote = true;
    else if (in.take_word("RECURSIVEMATCH"))
      list.recursive_match = true;
    else if (in.take_word("SPECIAL-USE"))
      list.select_special_use = true;
    else
      return permanent("unknown LIST selection option \"" + printable(in.rest(), 40) + "\"");
    if (!in.take(' ')) break;
  }
  TRY_VOID(in.expect(')'));
  if (list.recursive_match && !list.select_subscribed && !list.select_special_use)
    return permanent("RECURSIVEMATCH needs another selection option (RFC 5258 section 3)");
  return in.space();
}

Result<> return_options(Scanner& in, ListArguments& list) {
  list.extended = true;
  if (!in.take_word("RETURN")) return permanent("expected RETURN after the LIST pattern");
  TRY_VOID(in.space());
  TRY_VOID(in.expect('('));
  while (in.peek() != ')') {
    if (in.take_word("SUBSCRIBED"))
      list.return_subscribed = true;
    else if (in.take_word("CHILDREN"))
      list.return_children = true;
    else if (in.take_word("SPECIAL-USE"))
      list.return_special_use = true;
    else if (in.take_word("STATUS")) {
      TRY_VOID(in.space());
      TRY(list.return_status, parse_status_items(in));
    } else
      return permanent("unknown LIST return option \"" + printable(in.rest(), 40) + "\"");
    if (!in.take(' ')) break;
  }
  return in.expect(')');
}

Result<> patterns(Scanner& in, ListArguments& list) {
  if (!in.take('(')) {
    TRY(auto pattern, in.list_mailbox());
    list.patterns.push_back(std::move(pattern));
    return {};
  }
  list.extended = true;
  do {
    if (list.patterns.size() >= kMaxPatterns) return permanent("too many LIST patterns");
    TRY(auto pattern, in.list_mailbox());
    list.patterns.push_back(std::move(pattern));
  } while (in.take(' '));
  return in.expect(')');
}

Result<> unchanged_since(Scanner& in, StoreArguments& store) {
  if (!in.take('(')) return {};
  do {
    if (!in.take_word("UNCHANGEDSINCE"))
      return permanent("unknown STORE modifier \"" + printable(in.rest(), 40) + "\"");
    TRY_VOID(in.space());
    TRY(store.unchanged_since, in.number64());
  } while (in.take(' '));
  TRY_VOID(in.expect(')'));
  return in.space();
}

Result<> quoted_date(Scanner& in, AppendArguments& append) {
  TRY(const auto text, in.string());
  const auto date = mail::parse_internal_date(text);
  if (!date) return permanent("not a date and time (\"22-Nov-2026 04:10:00 +0000\"): " + printable(text, 40));
  append.internal_date = date->utc_seconds;
  append.zone_minutes = date->zone_minutes;
  return {};
}

}  // namespace

Result<StatusItems> parse_status_items(Scanner& in) {
  StatusItems items;
  TRY_VOID(in.expect('('));
  if (in.take(')')) return items;
  do {
    TRY_VOID(status_item(in, items));
  } while (in.take(' '));
  TRY_VOID(in.expect(')'));
  return items;
}

Result<SelectOptions> parse_select_options(Scanner& in) {
  SelectOptions options;
  if (!in.take(' ') || in.at_end()) return options;
  TRY_VOID(in.expect('('));
  do {
    if (!in.take_word("CONDSTORE"))
      return permanent("unknown SELECT parameter \"" + printable(in.rest(), 40) + "\"");
    options.condstore = true;
  } while (in.take(' '));
  TRY_VOID(in.expect(')'));
  return options;
}

Result<ListArguments> parse_list(Scanner& in) {
  ListArguments list;
  TRY_VOID(selection_options(in, list));
  TRY(list.reference, in.astring());
  TRY_VOID(in.space());
  TRY_VOID(patterns(in, list));
  if (in.take(' ') && !in.at_end()) TRY_VOID(return_options(in, list));
  TRY_VOID(in.end());
  return list;
}

Result<StoreArguments> parse_store(Scanner& in) {
  StoreArguments store;
  TRY_VOID(unchanged_since(in, store));
  if (in.take('+'))
    store.mode = StoreArguments::Mode::add;
  else if (in.take('-'))
    store.mode = StoreArguments::Mode::remove;
  if (in.take_word("FLAGS.SILENT"))
    store.silent = true;
  else if (!in.take_word("FLAGS"))
    return permanent("expected FLAGS, +FLAGS or -FLAGS");
  TRY_VOID(in.space());
  TRY(store.flags, parse_flags(in));
  TRY_VOID(in.end());
  return store;
}

Result<AppendArguments> parse_append(Scanner& in) {
  AppendArguments append;
  TRY(append.mailbox, in.astring());
  TRY_VOID(in.space());
  if (in.peek() == '(') {
    TRY(append.flags, parse_flag_list(in));
    TRY_VOID(in.space());
  }
  if (in.peek() == '"') {
    TRY_VOID(quoted_date(in, append));
    TRY_VOID(in.space());
  }
  in.take('~');
  if (in.peek() != '{') return permanent("APPEND wants the message as a literal");
  return append;
}

Result<IdFields> parse_id(Scanner& in) {
  IdFields fields;
  if (in.take_word("NIL")) return fields;
  TRY_VOID(in.expect('('));
  while (in.peek() != ')') {
    if (fields.size() >= kMaxIdFields) return permanent("ID takes at most 30 fields");
    TRY(auto name, in.string());
    TRY_VOID(in.space());
    TRY(auto value, in.nstring());
    fields.emplace_back(std::move(name), std::move(value));
    if (!in.take(' ')) break;
  }
  TRY_VOID(in.expect(')'));
  return fields;
}

}  // namespace waxwing::imap
