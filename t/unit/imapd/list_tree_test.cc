#include "imapd/list_tree.h"

#include <catch2/catch.hpp>

using namespace waxwing;
using namespace waxwing::imap;

namespace {

store::MailboxEntry entry(const char* folder, const char* use = "") {
  return {.name = {.user = "joe", .folder = folder}, .id = folder, .special_use = use};
}

std::string shown(const std::vector<ListTree::Row>& rows) {
  std::string out;
  for (const auto& row : rows)
    out += row.folder + "(" + row.attributes + ")" + (row.child_info ? "+" : "") + "\n";
  return out;
}

std::string listed(const ListTree& tree, std::string_view text, bool rev2 = false) {
  Scanner in(text);
  const auto arguments = parse_list(in);
  REQUIRE(arguments);
  std::vector<NamePattern> patterns;
  for (const auto& pattern : arguments->patterns) patterns.emplace_back(arguments->reference + pattern);
  ListTree::Found found;
  while (!tree.list(*arguments, patterns, rev2, found, 0)) {
  }
  return shown(found.rows);
}

std::string subscribed(const ListTree& tree, std::string_view pattern) {
  ListTree::Found found;
  while (!tree.lsub(NamePattern(pattern), found, 0)) {
  }
  return shown(found.rows);
}

}  // namespace

TEST_CASE("LIST and LSUB over one tree") {
  const std::vector<store::MailboxEntry> entries = {entry("Sent", "\\Sent"), entry("a/b"), entry("a/b/c")};
  const std::vector<store::MailboxName> subscriptions = {{"joe", "a/b/c"}, {"joe", "gone"}, {"joe", "INBOX"}};
  const ListTree tree(entries, subscriptions);
  CHECK(listed(tree, "\"\" %") ==
        "INBOX(\\HasNoChildren)\nSent(\\HasNoChildren \\Sent)\na(\\Noselect \\HasChildren)\n");
  CHECK(listed(tree, "\"\" %", true).find("a(\\NonExistent \\HasChildren)") != std::string::npos);
  CHECK(listed(tree, "a/ *") == "a/b(\\HasChildren)\na/b/c(\\HasNoChildren)\n");
  CHECK(listed(tree, "(SUBSCRIBED) \"\" *") ==
        "INBOX(\\HasNoChildren \\Subscribed)\na/b/c(\\HasNoChildren \\Subscribed)\n"
        "gone(\\NonExistent \\HasNoChildren \\Subscribed)\n");
  CHECK(listed(tree, "(SUBSCRIBED RECURSIVEMATCH) \"\" %") ==
        "INBOX(\\HasNoChildren \\Subscribed)\na(\\NonExistent \\HasChildren)+\n"
        "gone(\\NonExistent \\HasNoChildren \\Subscribed)\n");
  CHECK(listed(tree, "(SPECIAL-USE) \"\" *") == "Sent(\\HasNoChildren \\Sent)\n");
  CHECK(subscribed(tree, "*") == "INBOX()\na/b/c()\ngone()\n");
  CHECK(subscribed(tree, "%") == "INBOX()\na(\\Noselect)\ngone()\n");
}

TEST_CASE("a long LIST in steps tells every mailbox once") {
  std::vector<std::string> names;
  for (int n = 0; n < 100; ++n) names.push_back("folder" + std::to_string(100 + n));
  std::vector<store::MailboxEntry> entries;
  for (const auto& name : names) entries.push_back(entry(name.c_str()));
  const ListTree tree(entries, {});
  std::string expected;
  for (const auto& name : names) expected += name + "(\\HasNoChildren)\n";
  CHECK(listed(tree, "\"\" f%") == expected);
}
