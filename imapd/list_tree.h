// A user's mailboxes as LIST sees them: RFC 9051 §6.3.9, RFC 5258, RFC 3348, RFC 6154. No I/O.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "imapd/parse/arguments.h"
#include "imapd/parse/name_pattern.h"
#include "store/store.h"

namespace waxwing::imap {

class ListTree {
 public:
  // subscriptions may name mailboxes that do not exist. INBOX is always there.
  ListTree(const std::vector<store::MailboxEntry>& entries,
           const std::vector<store::MailboxName>& subscriptions);

  struct Row {
    std::string folder;
    std::string attributes;                      // "\HasNoChildren \Sent"
    bool child_info = false;                     // CHILDINFO ("SUBSCRIBED")
    const store::MailboxEntry* entry = nullptr;  // null: no mailbox of that name
  };
  // What has been found so far, and where the search goes on.
  struct Found {
    std::vector<Row> rows;  // by name
    std::string after;
  };
  // What LIST answers. patterns are decoded and have the reference in front. In steps, because many mailboxes
  // and long patterns take their time: false when until_ms (of monotonic_ms()) came before the end.
  bool list(const ListArguments& arguments, const std::vector<NamePattern>& patterns, bool rev2, Found& found,
            std::int64_t until_ms) const;
  // What LSUB answers: RFC 3501 §6.3.9.
  bool lsub(const NamePattern& pattern, Found& found, std::int64_t until_ms) const;

 private:
  struct Node {
    const store::MailboxEntry* entry = nullptr;
    bool exists = false, subscribed = false;
    bool has_child = false;  // an existing mailbox is below
    bool subscribed_below = false;
    bool special_below = false;
    bool special() const { return entry && !entry->special_use.empty(); }
  };
  void add_ancestors(const std::string& folder, const Node& node);
  std::string attributes(const Node& node, const ListArguments& arguments, bool rev2) const;
  static bool selected(const Node& node, const ListArguments& arguments);
  template <class Visit>
  bool walk(Found& found, std::int64_t until_ms, Visit visit) const;

  std::map<std::string, Node> nodes_;
};

}  // namespace waxwing::imap
