#include "mta/address/list.h"

#include "mta/address/resolve.h"
#include "t/unit/mta_address/fixture.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {

ResolveRequest request_to(Site& site, const std::string& address, Lists lists = Lists::defer) {
  ResolveRequest request{address, site.channel("tcp_local"), "a@far.x"};
  request.lists = lists;
  return request;
}

// As process asks about what an earlier step left to it.
ResolveRequest resumed(Site& site, const Recipient& left, Lists lists) {
  auto request = request_to(site, left.address, lists);
  request.source = site.channel("process");
  request.state = *ListState::decode(left.list_state);
  request.envelope_from = request.state.sender;
  request.auth_sender = request.state.auth_sender;
  return request;
}

Recipient left_to_process(Site& site, const ResolveRequest& request) {
  const auto outcome = resolve_recipient(site.lookup(), request);
  REQUIRE(outcome);
  INFO((*outcome ? "" : outcome->error().text));
  REQUIRE(*outcome);
  REQUIRE((*outcome)->recipients.size() == 1);
  REQUIRE((*outcome)->recipients[0].channel == "process");
  return (*outcome)->recipients[0];
}

std::vector<Recipient> members_of(Site& site, ResolveRequest request) {
  std::vector<Recipient> members;
  const std::function<Result<>(Recipient &&)> sink = [&](Recipient&& member) -> Result<> {
    members.push_back(std::move(member));
    return {};
  };
  request.lists = Lists::members;
  request.sink = &sink;
  const auto outcome = resolve_recipient(site.lookup(), request);
  REQUIRE(outcome);
  if (*outcome) CHECK((*outcome)->recipients.empty());
  return members;
}

}  // namespace

TEST_CASE("the state of a list survives the queue") {
  const ListState state{
      "tcp_auth", "a@x", "boss@example.com", {"entry:cn=a,o=isp", "alias:b"}, "TCP|a|25|b|1|SMTP/x|",
      "one,two"};
  const auto back = ListState::decode(state.encode());
  REQUIRE(back);
  CHECK(back->source == "tcp_auth");
  CHECK(back->sender == "a@x");
  CHECK(back->auth_sender == "boss@example.com");
  CHECK(back->above == state.above);
  CHECK(back->tags == "one,two");
  CHECK(back->connection == "TCP|a|25|b|1|SMTP/x|");
  CHECK(ListState::decode(ListState{}.encode())->above.empty());
  for (const auto* bad : {"", "joe\tInbox\t", "list1\ta", "list2\ta\tb\tc\td"})
    CHECK_FALSE(ListState::decode(bad).has_value());
}

TEST_CASE("which lists are left to the process channel") {
  const auto is_left = [](const char* options, const std::function<void(directory::Group&)>& change) {
    Site site(kSiteCnf, kSiteMappings, "", options);
    auto group = site.directory.add_group("all@example.com");
    group->rfc822_members = {"m@far.example"};
    change(*group);
    const auto outcome = resolve_recipient(site.lookup(), request_to(site, "all@example.com"));
    REQUIRE(outcome);
    REQUIRE(*outcome);
    return (*outcome)->recipients[0].channel == "process";
  };
  const auto plain = [](directory::Group&) {};
  const auto large = [](directory::Group& group) {
    for (int i = 0; i < 60; ++i) group.rfc822_members.push_back(std::to_string(i) + "@far.example");
  };
  const auto tagged = [](directory::Group& group) { group.subject_tag = "[all]"; };
  const auto wishes = [](const char* wish) {
    return [wish](directory::Group& group) { group.defer_processing = wish; };
  };
  CHECK_FALSE(is_left("", plain));
  CHECK(is_left("", large));
  CHECK(is_left("", tagged));
  CHECK(is_left("", [](directory::Group& group) { group.member_urls = {"ldap:///o=isp"}; }));
  CHECK(is_left("", wishes("yes")));
  CHECK_FALSE(is_left("DEFER_GROUP_PROCESSING=0\n", large));
  CHECK(is_left("DEFER_GROUP_PROCESSING=0\n", tagged));
  CHECK(is_left("DEFER_GROUP_PROCESSING=2\n", plain));
  CHECK_FALSE(is_left("DEFER_GROUP_PROCESSING=2\n", wishes("no")));
}

TEST_CASE("a list goes through the process channel: first its head, then its members") {
  Site site;
  auto group = site.directory.add_group("all@example.com");
  group->rfc822_members = {"one@far.example", "two@far.example", "nobody@example.com", "one@far.example"};
  group->errors_to = "owner@example.com";
  group->subject_tag = "[all]";
  group->add_headers = {"List-Id: <all.example.com>", "not a field", "X-Bad: a\r\nBcc: b"};
  const auto left = left_to_process(site, request_to(site, "All@example.com"));
  CHECK(left.address == "All@example.com");
  CHECK(left.host == "all@example.com");
  CHECK(left.envelope_from.empty());  // process asks whether the first sender may write
  const auto head = resolve_recipient(site.lookup(), resumed(site, left, Lists::head));
  REQUIRE(head);
  REQUIRE(*head);
  REQUIRE((*head)->list);
  CHECK((*head)->recipients.empty());
  CHECK((*head)->list->subject_tag == "[all]");
  CHECK((*head)->list->add_headers == std::vector<std::string>{"List-Id: <all.example.com>"});
  const auto members = members_of(site, resumed(site, left, Lists::members));
  REQUIRE(members.size() == 2);
  CHECK(members[0].address == "one@far.example");
  CHECK(members[0].envelope_from == "owner@example.com");
}

TEST_CASE("conversion tags of a list are those of its members, through lists in it too") {
  Site site(kSiteCnf, kSiteMappings,
            "outer: [CONVERSION_TAG] out, one@far.example, inner@example.com\n"
            "inner: [CONVERSION_TAG] in, [TAG] \"[in]\", two@far.example, joe@example.com\n");
  site.directory.add_user("joe", "joe@example.com")->conversion_tag = "own";
  const auto first = members_of(site, request_to(site, "outer@example.com"));
  REQUIRE(first.size() == 2);
  CHECK(first[0].tags == "out");
  REQUIRE(first[1].channel == "process");
  const auto second = members_of(site, resumed(site, first[1], Lists::members));
  REQUIRE(second.size() == 2);
  CHECK(second[0].tags == "out,in");
  CHECK(second[1].tags == "out,in,own");
}

TEST_CASE("lists that include themselves, and each other, end") {
  Site site;
  auto a = site.directory.add_group("a@example.com"), b = site.directory.add_group("b@example.com");
  a->subject_tag = "[a]";
  b->subject_tag = "[b]";
  a->member_dns = {a->dn, b->dn};
  a->rfc822_members = {"one@far.example"};
  b->member_dns = {a->dn};
  b->rfc822_members = {"two@far.example"};
  const auto first = members_of(
      site, resumed(site, left_to_process(site, request_to(site, "a@example.com")), Lists::members));
  REQUIRE(first.size() == 2);
  CHECK(first[0].address == "one@far.example");
  REQUIRE(first[1].channel == "process");  // b has a subject of its own, and so a message of its own
  const auto second = members_of(site, resumed(site, first[1], Lists::members));
  REQUIRE(second.size() == 1);
  CHECK(second[0].address == "two@far.example");
}

TEST_CASE("lists nested deeper than MAX_ALIAS_LEVELS end too") {
  Site site;
  std::vector<std::shared_ptr<directory::Group>> groups;
  for (int i = 0; i < 20; ++i) {
    groups.push_back(site.directory.add_group("g" + std::to_string(i) + "@example.com"));
    groups.back()->subject_tag = "[x]";
    groups.back()->rfc822_members = {"m" + std::to_string(i) + "@far.example"};
    if (i > 0) groups[i - 1]->member_dns = {groups[i]->dn};
  }
  auto at = left_to_process(site, request_to(site, "g0@example.com"));
  int steps = 0;
  for (; steps < 20; ++steps) {
    const auto members = members_of(site, resumed(site, at, Lists::members));
    if (members.size() < 2) break;
    at = members[1];
  }
  CHECK(steps == 10);
}

TEST_CASE("the password of a list stands in the message") {
  Site site;
  auto group = site.directory.add_group("all@example.com");
  group->rfc822_members = {"m@far.example"};
  group->broadcaster_policy = {"password_required"};
  group->auth_password = "open sesame";
  const auto left = left_to_process(site, request_to(site, "all@example.com"));  // nobody is refused yet
  const auto status = [&](const std::string& approved, const std::string& auth = "") {
    auto request = resumed(site, left, Lists::head);
    request.approved = approved;
    request.auth_sender = auth;
    const auto outcome = resolve_recipient(site.lookup(), request);
    REQUIRE(outcome);
    return *outcome ? std::string("ok") : outcome->error().status;
  };
  CHECK(status("open sesame") == "ok");
  CHECK(status("Open Sesame") == "5.7.1");
  CHECK(status("") == "5.7.1");
  group->broadcaster_policy = {"or", "auth_req", "passwd_req"};
  CHECK(status("", "boss@example.com") == "ok");
  CHECK(status("open sesame") == "ok");
  CHECK(status("") == "5.7.1");
  group->broadcaster_policy = {"and", "auth_req", "passwd_req"};
  CHECK(status("open sesame") == "5.7.1");
  CHECK(status("open sesame", "boss@example.com") == "ok");
  group->auth_password = "";
  group->broadcaster_policy = {"password_required"};
  CHECK(status("") == "5.7.1");  // no password is not an empty one
}

TEST_CASE("moderators write, what others write goes to them") {
  Site site;
  auto group = site.directory.add_group("all@example.com");
  group->rfc822_members = {"m@far.example"};
  group->moderators = {"mailto:mod@far.example"};
  group->reject_action = "tomoderator";
  const auto from = [&](const std::string& sender) {
    const auto outcome =
        resolve_recipient(site.lookup(), {"all@example.com", site.channel("tcp_local"), sender});
    REQUIRE(outcome);
    return *outcome ? (*outcome)->recipients[0].address : outcome->error().status;
  };
  CHECK(from("x@y.z") == "mod@far.example");
  CHECK(from("Mod@far.example") == "m@far.example");
  group->allowed_domains = {"y.z"};
  CHECK(from("x@y.z") == "m@far.example");
  CHECK(from("x@other.z") == "mod@far.example");
  group->reject_action = "";
  CHECK(from("x@other.z") == "5.7.1");
}

TEST_CASE("a hundred thousand members: one after the other, and never on a loop") {
  Site site;
  auto group = site.directory.add_group("all@example.com");
  for (int i = 0; i < 100000; ++i) group->rfc822_members.push_back("m" + std::to_string(i) + "@far.example");
  const auto left = left_to_process(site, request_to(site, "all@example.com"));
  std::size_t count = 0;
  const std::function<Result<>(Recipient &&)> sink = [&](Recipient&&) -> Result<> {
    return ++count, Result<>();
  };
  auto request = resumed(site, left, Lists::members);
  request.sink = &sink;
  const auto outcome = resolve_recipient(site.lookup(), request);
  REQUIRE(outcome);
  REQUIRE(*outcome);
  CHECK(count == 100000);
  // Who asks for all of them at once is sent to a worker, whatever the cache knows.
  Lookup quick = site.lookup();
  quick.ask = Ask::cache_only;
  const auto refused = resolve_recipient(quick, request_to(site, "all@example.com", Lists::expand));
  REQUIRE_FALSE(refused);
  CHECK(directory::is_would_block(refused.error()));
}
