// Arguments of single commands, each into a small struct. Mailbox names stay as they are on the wire.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "imapd/parse/flag_list.h"
#include "imapd/parse/scanner.h"
#include "imapd/parse/sequence_set.h"

namespace waxwing::imap {

// STATUS items: RFC 9051 §6.3.11, RFC 8438 SIZE, RFC 7162, RFC 8474.
struct StatusItems {
  bool messages = false, recent = false, uidnext = false, uidvalidity = false, unseen = false;
  bool deleted = false, size = false, highest_modseq = false, mailbox_id = false;
};
Result<StatusItems> parse_status_items(Scanner& in);

// SELECT and EXAMINE after the name: "(CONDSTORE)".
struct SelectOptions {
  bool condstore = false;
};
Result<SelectOptions> parse_select_options(Scanner& in);

// LIST with RFC 5258 and RFC 5819, RFC 6154.
struct ListArguments {
  bool extended = false;  // anything beyond RFC 3501 was used
  bool select_subscribed = false, select_remote = false, recursive_match = false, select_special_use = false;
  bool return_subscribed = false, return_children = false, return_special_use = false;
  std::optional<StatusItems> return_status;
  std::string reference;
  std::vector<std::string> patterns;
};
Result<ListArguments> parse_list(Scanner& in);

// STORE after the set: [(UNCHANGEDSINCE n)] [+|-]FLAGS[.SILENT] flags.
struct StoreArguments {
  enum class Mode { replace, add, remove };
  Mode mode = Mode::replace;
  bool silent = false;
  std::optional<std::uint64_t> unchanged_since;
  Flags flags;
};
Result<StoreArguments> parse_store(Scanner& in);

// APPEND up to its literal: the text that the framer holds when the message begins. The literal's
// announcement at the end is taken off.
struct AppendArguments {
  std::string mailbox;
  Flags flags;
  std::optional<std::int64_t> internal_date;  // UTC seconds
  int zone_minutes = 0;
};
Result<AppendArguments> parse_append(Scanner& in);

// ID: NIL or a list of field-value pairs, at most 30 (RFC 2971 §3.3).
using IdFields = std::vector<std::pair<std::string, std::optional<std::string>>>;
Result<IdFields> parse_id(Scanner& in);

}  // namespace waxwing::imap
