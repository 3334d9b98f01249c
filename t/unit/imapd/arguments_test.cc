#include "imapd/parse/arguments.h"

#include <catch2/catch.hpp>

using namespace waxwing;
using namespace waxwing::imap;

namespace {
template <class Parse>
auto parsed(std::string_view text, Parse parse) {
  Scanner in(text);
  return parse(in);
}
}  // namespace

TEST_CASE("STATUS items") {
  const auto items = parsed("(MESSAGES unseen SIZE DELETED MAILBOXID)", parse_status_items);
  REQUIRE(items);
  CHECK((items->messages && items->unseen && items->size && items->deleted && items->mailbox_id));
  CHECK_FALSE(items->recent);
  for (const char* bad : {"", "MESSAGES", "(MESSAGES", "(WHAT)", "(MESSAGES,UNSEEN)"})
    CHECK_FALSE(parsed(bad, parse_status_items));
}

TEST_CASE("LIST, plain and extended") {
  const auto plain = parsed("\"\" %", parse_list);
  REQUIRE(plain);
  CHECK_FALSE(plain->extended);
  CHECK(plain->patterns == std::vector<std::string>{"%"});
  const auto extended = parsed(
      "(SUBSCRIBED RECURSIVEMATCH) \"ref/\" (a \"b c\" {1}\r\n*) RETURN (CHILDREN STATUS (MESSAGES) "
      "SPECIAL-USE)",
      parse_list);
  REQUIRE(extended);
  CHECK((extended->extended && extended->select_subscribed && extended->recursive_match));
  CHECK((extended->return_children && extended->return_special_use && extended->return_status));
  CHECK(extended->patterns == std::vector<std::string>{"a", "b c", "*"});
  CHECK(extended->reference == "ref/");
  for (const char* bad : {"", "\"\"", "\"\" ()", "(RECURSIVEMATCH) \"\" *", "(WHAT) \"\" *", "\"\" * RETURN",
                          "\"\" * RETURN (WHAT)", "\"\" * RETURN (STATUS)", "\"\" * x"})
    CHECK_FALSE(parsed(bad, parse_list));
}

TEST_CASE("STORE") {
  const auto plain = parsed("+FLAGS.SILENT (\\Deleted $Junk $junk)", parse_store);
  REQUIRE(plain);
  CHECK(plain->mode == StoreArguments::Mode::add);
  CHECK(plain->silent);
  CHECK(plain->flags.system == Flags::deleted);
  CHECK(plain->flags.keywords == std::vector<std::string>{"$Junk"});
  const auto conditional = parsed("(UNCHANGEDSINCE 12121230045) -FLAGS \\Seen \\Draft", parse_store);
  REQUIRE(conditional);
  CHECK(conditional->unchanged_since == 12121230045U);
  CHECK(conditional->flags.system == (Flags::seen | Flags::draft));
  CHECK(parsed("FLAGS ()", parse_store)->flags.empty());
  CHECK(parsed("FLAGS (\\Recent)", parse_store)->flags.empty());
  for (const char* bad : {"", "FLAGS", "FLAGS (\\Seen", "FLAGS (\\What)", "FLAG (x)", "*FLAGS (x)",
                          "(UNCHANGEDSINCE x) FLAGS (x)", "FLAGS (a*b)", "FLAGS (x) y"})
    CHECK_FALSE(parsed(bad, parse_store));
}

TEST_CASE("APPEND up to the message") {
  const auto append = parsed("\"Sent Items\" (\\Seen) \"22-Nov-2026 04:10:00 +0100\" {310}", parse_append);
  REQUIRE(append);
  CHECK(append->mailbox == "Sent Items");
  CHECK(append->flags.system == Flags::seen);
  CHECK(append->zone_minutes == 60);
  CHECK(append->internal_date);
  CHECK(parsed("box ~{5+}", parse_append));
  for (const char* bad : {"", "box", "box (\\Seen)", "box \"yesterday\" {5}", "box \"5\" \"6\" {5}"})
    CHECK_FALSE(parsed(bad, parse_append));
}

TEST_CASE("ID") {
  const auto fields = parsed("(\"name\" \"mutt\" \"version\" NIL)", parse_id);
  REQUIRE(fields);
  CHECK(fields->size() == 2);
  CHECK(fields->at(0).second == "mutt");
  CHECK_FALSE(fields->at(1).second);
  CHECK(parsed("NIL", parse_id)->empty());
  for (const char* bad : {"", "(\"name\")", "(name x)", "(\"a\" \"b\""}) CHECK_FALSE(parsed(bad, parse_id));
}

TEST_CASE("SELECT parameters") {
  CHECK(parsed(" (CONDSTORE)", parse_select_options)->condstore);
  CHECK_FALSE(parsed("", parse_select_options)->condstore);
  CHECK_FALSE(parsed(" (WHAT)", parse_select_options));
}
