#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "common/base/file.h"
#include "mta/config/build_file.h"
#include "mta/config/delivery_template.h"
#include "mta/config/mta_config.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {

SourceSet sources() {
  SourceSet set;
  set.set_file("imta.cnf", ". $U%$H@out\n\nl\nl-host\n\nout smtp\nout\n");
  set.set_file("mappings", "T\n\n  * $Y\n");
  set.set_file("aliases", "postmaster: admin@x\n");
  set.set_file("option.dat", "BLOCK_SIZE=16%400\n");
  set.set_symbol("IMTA_DEFAULTDOMAIN", "example.com");
  return set;
}

std::string scratch() {
  char name[] = "/tmp/waxwing-mta-XXXXXX";
  return ::mkdtemp(name);
}

bool has(const std::string& all, std::string_view part) {
  return all.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("aliases: addresses, lists, URLs, quotes") {
  SourceSet set;
  set.set_file("aliases",
               "! comment\n# comment\npostmaster: admin@example.com, \"a, b\"@example.com\n"
               "list: <members.txt, owner@example.com\nmany: \"<ldap:///o=isp?mail?sub?(cn=x)\"\n"
               "open: <ldap:///o=a,c=de?mail?sub?(x), *\nlong: a@b, \\\n  c@d\n");
  set.set_file("members.txt", "one@x\n! no\ntwo@x\n");
  std::vector<std::string> errors, warnings;
  const auto file = AliasFile::parse(set, "aliases", errors, warnings);
  INFO(join(errors, "\n"));
  REQUIRE(errors.empty());
  CHECK(file.find("POSTMASTER")->values ==
        std::vector<std::string>{"admin@example.com", "\"a, b\"@example.com"});
  CHECK(file.find("list")->values == std::vector<std::string>{"one@x", "two@x"});
  CHECK(file.find("list")->errors_to == "owner@example.com");
  CHECK(file.find("many")->urls == std::vector<std::string>{"ldap:///o=isp?mail?sub?(cn=x)"});
  CHECK(file.find("open")->urls == std::vector<std::string>{"ldap:///o=a,c=de?mail?sub?(x)"});
  CHECK(file.find("long")->values == std::vector<std::string>{"a@b", "c@d"});
  CHECK(file.find("none") == nullptr);
}

TEST_CASE("aliases: a domain in any script is found by its A-labels") {
  SourceSet set;
  set.set_file("aliases", "info@bücher.test: a@x\nxn--bcher-kva: b@x\nsales@BÜCHER.test: c@x\n");
  std::vector<std::string> errors, warnings;
  const auto file = AliasFile::parse(set, "aliases", errors, warnings);
  INFO(join(errors, "\n"));
  CHECK(errors.empty());
  REQUIRE(file.find("info@xn--bcher-kva.test"));
  CHECK(file.find("info@xn--bcher-kva.test")->values == std::vector<std::string>{"a@x"});
  CHECK(file.find("sales@xn--bcher-kva.test"));
  set.set_file("aliases", "info@xn--bcher-kva.test: a@x\ninfo@bücher.test: b@x\nbad@b\xC3.test: c@x\n");
  AliasFile::parse(set, "aliases", errors, warnings);
  REQUIRE(errors.size() == 2);
  CHECK(has(errors[0], "aliases:2: alias info@xn--bcher-kva.test is already at aliases:1"));
  CHECK(has(errors[1], "aliases:3: alias bad@"));
  CHECK(has(errors[1], "no domain name behind the @"));
}

TEST_CASE("aliases: what is not supported is an error, since leaving it out would open a list") {
  SourceSet set;
  set.set_file("aliases", "a: <gone\nb: <m, [AUTH_LIST] x, owner@x\nc:\nnothing\n  d: x@y\na: x@y\na: z@y\n");
  set.set_file("m", "one@x\n");
  std::vector<std::string> errors, warnings;
  AliasFile::parse(set, "aliases", errors, warnings);
  const auto all = join(errors, "\n");
  INFO(all);
  CHECK(has(all, "aliases:1: list file \"gone\""));
  CHECK(has(all, "aliases:2: list file \"x\" of alias b is not in"));
  CHECK(has(all, "aliases:3: alias c stands for nothing"));
  CHECK(has(all, "aliases:4: expected"));
  CHECK(has(all, "aliases:5: an alias begins in column 1"));
  CHECK(has(all, "aliases:7: alias a is already at aliases:6"));
}

TEST_CASE("aliases: named parameters of lists") {
  SourceSet set;
  set.set_file("m", "one@x\ntwo@x\n");
  set.set_file("posters", "boss@x, *@friends.example\n");
  set.set_file(
      "aliases",
      "news: <m, [AUTH_LIST] posters, [cant_channel] tcp_local, [OR], [BLOCKLIMIT] 20, [TAG] \"[news]\",\\\n"
      " [MODERATOR_ADDRESS] mod@x, [MODERATOR_LIST] <posters, [NOHOLD_LIST] posters, owner@x, *, e@x\n"
      "url: <m, [AUTH_LIST] <ldap:///o=a,c=de?mail?sub?(x), [NONEXPANDABLE], [ENVELOPE_FROM] bounce@x, *\n");
  std::vector<std::string> errors, warnings;
  const auto file = AliasFile::parse(set, "aliases", errors, warnings);
  INFO(join(errors, "\n"));
  REQUIRE(errors.empty());
  const auto& news = file.find("news")->list;
  REQUIRE(news.access.size() == 2);
  CHECK(news.access[0].asks == ListClause::Asks::sender);
  CHECK(news.access[0].wanted);
  CHECK(news.access[0].patterns == std::vector<std::string>{"boss@x", "*@friends.example"});
  CHECK(news.access[1].asks == ListClause::Asks::channel);
  CHECK_FALSE(news.access[1].wanted);
  CHECK(news.any == true);
  CHECK(news.block_limit == 20);
  CHECK(news.moderators == std::vector<Moderator>{{"mod@x", false}});
  CHECK(news.moderator_access.size() == 1);
  REQUIRE(news.holding.size() == 1);
  CHECK_FALSE(news.holding[0].wanted);
  CHECK(news.envelope_from == "owner@x");
  const auto& url = file.find("url")->list;
  CHECK(url.access[0].urls == std::vector<std::string>{"ldap:///o=a,c=de?mail?sub?(x)"});
  CHECK_FALSE(url.expandable);
  CHECK(file.find("url")->errors_to == "bounce@x");
  CHECK(news.effects.subject_tag == "[news]");
  CHECK(news.effects.remove_headers == std::vector<std::string>{"Errors-To"});
  CHECK(news.effects.add_headers == std::vector<std::string>{"Errors-To: e@x"});
  CHECK(warnings.empty());
}

TEST_CASE("aliases: what a list does to a message") {
  SourceSet set;
  set.set_file("m", "one@x\n");
  set.set_file("trim.opt", "X-Secret: MAXIMUM=-1\n");
  set.set_file("fields", "List-Id: <news.x>\n! comment\nX-From-File: yes\n");
  set.set_file(
      "aliases",
      "news: <m, [HEADER_ADDITION] fields, [PRECEDENCE] list, [PREFIX_TEXT] \"one\\ntwo\", [LINELIMIT] 9,\\\n"
      " [FILTER] f, o@x, all@x *, *, *, \"a comment*\"\n"
      "direct: [ENVELOPE_FROM] owner@x, [NODELAY_NOTIFICATIONS], [HEADER_TRIM] trim.opt,"
      " [DEFERRED] \"Mon, 7 Dec 2026 08:00:00 +0000\", a@x, b@x\n");
  std::vector<std::string> errors, warnings;
  const auto file = AliasFile::parse(set, "aliases", errors, warnings);
  INFO(join(errors, "\n"));
  REQUIRE(errors.empty());
  const auto& effects = file.find("news")->list.effects;
  using Lines = std::vector<std::string>;
  CHECK(effects.add_headers == Lines{"List-Id: <news.x>", "X-From-File: yes", "Precedence: list"});
  CHECK(effects.absent_headers == Lines{"Reply-To: all@x", "Comments: a comment"});
  CHECK(effects.remove_headers == Lines{"Precedence"});
  CHECK(effects.prefix_text == "one\ntwo");
  CHECK(effects.line_limit == 9);
  // A list without a file, and what else a list says.
  const auto& direct = *file.find("direct");
  CHECK(direct.list.is_list);
  CHECK(direct.values == std::vector<std::string>{"a@x", "b@x"});
  CHECK(direct.errors_to == "owner@x");
  CHECK(direct.list.notify == "FAILURE");
  REQUIRE(direct.list.effects.trim);
  CHECK(direct.list.effects.trim->of("x-secret").maximum == -1);
  CHECK(direct.list.effects.add_headers == Lines{"Deferred-Delivery: Mon, 7 Dec 2026 08:00:00 +0000"});
  // What has no effect yet is told, never passed over.
  REQUIRE(warnings.size() == 1);
  CHECK(has(warnings[0], "[FILTER] of list news has no effect yet"));
}

TEST_CASE("aliases: what of a list is numbered, tagged, told in Received:, and not deferred") {
  struct Row {
    const char* parameter;
    std::function<bool(const ListPolicy&)> holds;
  };
  using P = const ListPolicy&;
  const Row rows[] = {
      {"[SEQUENCE_PREFIX] news.seq",
       [](P p) { return p.effects.sequence == "news.seq" && !p.effects.number_behind; }},
      {"[SEQUENCE_SUFFIX] /imta/Table/NEWS.SEQ, [SEQUENCE_STRIP] NONE",
       [](P p) {
         return p.effects.sequence == "news.seq" && p.effects.number_behind && p.effects.only_last_number;
       }},
      {"[CONVERSION_TAG] one, [CONVERSION_TAG] two", [](P p) { return p.tags == "one,two"; }},
      {"[NODEFERRED]",
       [](P p) { return p.effects.remove_headers == std::vector<std::string>{"Deferred-Delivery"}; }},
      {"[RECEIVEDFOR], [RECEIVEDFROM]",
       [](P p) { return p.effects.tell_recipient && p.effects.tell_sender; }},
      {"[RECEIVEDFOR] NONE, [NORECEIVEDFOR]", [](P p) { return !p.effects.any(); }},
      {"[RECEIVEDFROM], [NORECEIVEDFROM]", [](P p) { return !p.effects.any(); }},
      {"[SASL_MODERATOR_ADDRESS] m@x",
       [](P p) {
         return p.moderators == std::vector<Moderator>{{"m@x", true}};
       }},
      {"[SASL_CANT_CHANNEL] tcp_*", [](P p) { return p.access.at(0).authenticated && !p.access[0].wanted; }},
      {"[HEADER_ALIAS], [KEEP_READ], [KEEP_DELIVERY] NONE", [](P p) { return !p.effects.any(); }},
  };
  for (const auto& row : rows) {
    CAPTURE(row.parameter);
    SourceSet set;
    set.set_file("m", "one@x\n");
    set.set_file("aliases", std::string("a: <m, ") + row.parameter + "\n");
    std::vector<std::string> errors, warnings;
    const auto file = AliasFile::parse(set, "aliases", errors, warnings);
    INFO(join(errors, "\n"));
    REQUIRE(file.find("a"));
    CHECK(row.holds(file.find("a")->list));
    CHECK(warnings.empty());
  }
}

TEST_CASE("aliases: a parameter that cannot be taken is an error") {
  struct Row {
    const char *line, *error;
  };
  const Row rows[] = {
      {"a: <m, [NOSUCH] x", "is no parameter of a list"},
      {"a: <m, [AUTH_LIST", "is no parameter of a list"},
      {"a: <m, [AUTH_LIST]", "wants a value"},
      {"a: <m, [OR] x", "takes no value"},
      {"a: <m, [BLOCKLIMIT] many", "wants a number"},
      {"a: <m, o@x, [OR]", "come before the others"},
      {"a: x@y, [OR]", "must stand in front of the addresses"},
      {"a: <m, a@b, *, *, *, *, *", "more than five"},
      {"a: <m, [CANT_LIST] ../etc", "is not in the config"},
      {"a: <m, [HEADER_EXPANSION]", "is not supported: the members of a list are not put into headers"},
      {"a: <m, [TITLE] x", "is not supported: no manual"},
      {"a: <m, [SEQUENCE_PREFIX] ..", "wants the name of a file"},
      {"a: <m, [SEQUENCE_PREFIX] a, [SEQUENCE_SUFFIX] b", "second sequence"},
      {"a: <m, [CONVERSION_TAG] \"a b\"", "wants tags"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.line);
    SourceSet set;
    set.set_file("m", "one@x\n");
    set.set_file("aliases", std::string(row.line) + "\n");
    std::vector<std::string> errors, warnings;
    AliasFile::parse(set, "aliases", errors, warnings);
    CHECK(has(join(errors, "\n"), row.error));
  }
  // Every parameter of the table is either taken or told of.
  for (const auto& parameter : list_parameters())
    CHECK(find_list_parameter(to_lower(parameter.name)) == &parameter);
}

TEST_CASE("COMMENT_CHARS: what begins a comment in the other files") {
  const auto made = [](const char* options, const std::string& mark) {
    SourceSet set;
    set.set_file("option.dat", options);
    set.set_symbol("IMTA_HOST", "h.test");
    set.set_file("imta.cnf", mark + " rules\nh.test $U%$D@h.test\n\nl\n" + mark + " names\nh.test\n");
    set.set_file("mappings", mark + " tables\nT\n\n  a b\n");
    set.set_file("aliases", mark + " names\npostmaster: a@b\n");
    const auto config = MtaConfig::parse(std::move(set));
    return config ? std::string() : config.error().text;
  };
  for (const auto* mark : {"!", "#", ";"}) CHECK(made("", mark) == "");
  CHECK(made("", "%") != "");
  CHECK(made("COMMENT_CHARS=33 37\n", "%") == "");
  CHECK(made("COMMENT_CHARS=33 37\n", "#") != "");
  for (const auto* bad :
       {"COMMENT_CHARS=65\n", "COMMENT_CHARS=60\n", "COMMENT_CHARS=x\n", "COMMENT_CHARS=200\n"})
    CHECK(has(made(bad, "!"), "COMMENT_CHARS has codes"));
  CHECK(has(made("MAX_HEADER_LINE_USE=2\n", "!"), "numbers from 0 to 1, not \"2\""));
  CHECK(has(made("DOMAIN_FAILURE=$(x\n", "!"), "option.dat: DOMAIN_FAILURE: "));
}

TEST_CASE("option.dat: radix, comments, unknown names, without effect") {
  SourceSet set;
  set.set_file("option.dat",
               "! c\n# c\n; c\nblock_size=16%ff\nRETURN_PERSONAL=A B\nFILTER_DEBUG=5\nLDAP_HOH_FILTER=x\n"
               "BLOCK_SIZES=1\nLINE_LIMIT=many\nnonsense\n");
  std::vector<std::string> errors, warnings;
  const auto options = MtaOptions::parse(set, "option.dat", errors, warnings);
  CHECK(options.number(Opt::BLOCK_SIZE) == 255);
  CHECK(options.text(Opt::RETURN_PERSONAL) == "A B");
  CHECK(options.number(Opt::MAX_RECEIVED_LINES) == 50);
  CHECK(warnings.size() == 2);
  const auto all = join(errors, "\n");
  INFO(all);
  CHECK(errors.size() == 3);
  CHECK(has(all, "option.dat:8: unknown option BLOCK_SIZES; is BLOCK_SIZE meant"));
  CHECK(has(all, "option.dat:9: option LINE_LIMIT needs a number"));
  CHECK(has(all, "option.dat:10: expected OPTION=value"));
}

TEST_CASE("DELIVERY_OPTIONS: the default table") {
  const MtaOptions options;
  const auto table = DeliveryOptions::parse(options.text(Opt::DELIVERY_OPTIONS));
  REQUIRE(table);
  const auto* mailbox = table->find("MAILBOX");
  REQUIRE(mailbox != nullptr);
  CHECK(mailbox->users);
  CHECK_FALSE(mailbox->groups);
  CHECK(table->find("members")->target == DeliveryOption::Target::members);
  CHECK(table->find("members_offline")->offline);
  CHECK(table->find("forward")->even_off_host);
  CHECK(table->find("forward")->target == DeliveryOption::Target::forwards);
  CHECK(table->find("hold")->hold);
  CHECK(table->find("autoreply")->autoreply);
  CHECK_FALSE(DeliveryOptions::parse("mailbox"));
  CHECK_FALSE(DeliveryOptions::parse("a=$M@x,a=$M@y"));
  CHECK_FALSE(DeliveryOptions::parse("a=$Q@x"));
}

TEST_CASE("delivery templates") {
  const std::string text = "$M%$\\$2I$_+$2S@ims-ms-daemon";
  DeliveryValues values;
  values.uid = "joe";
  CHECK(fill_delivery_template(text, values) == "joe@ims-ms-daemon");
  values.hosted_domain = "Other.Example";
  CHECK(fill_delivery_template(text, values) == "joe%other.example@ims-ms-daemon");
  values.subaddress = "Work";
  CHECK(fill_delivery_template(text, values) == "joe%other.example+Work@ims-ms-daemon");
  CHECK_FALSE(fill_delivery_template("$F@x", values));
  values.domain = "a.b.c";
  CHECK(fill_delivery_template("$1M$0M|$2H|$D", values) == "oj|c|a.b.c");
}

TEST_CASE("a build is read back, and damage or another version is told") {
  const auto set = sources();
  const auto bytes = encode_build(set, "2026-01-01T00:00:00Z");
  auto build = decode_build(bytes);
  REQUIRE(build);
  CHECK(build->sources.files() == set.files());
  CHECK(build->sources.symbols() == set.symbols());
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    auto broken = bytes;
    broken[at] = static_cast<char>(broken[at] ^ 0x20);
    const auto read = decode_build(broken);
    // The time in the first line is told, not checked; everything else is.
    if (read) CHECK(read->sources.files() == set.files());
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(decode_build(bytes.substr(0, size)));
  auto other = bytes;
  other.replace(other.find(" 1 "), 3, " 2 ");
  CHECK(has(decode_build(other).error().text, "version 2"));
}

TEST_CASE("golden: the build format, version 1") {
  SourceSet set;
  set.set_file("a", "b\n");
  set.set_symbol("S", "v");
  CHECK(encode_build(set, "T").substr(0, 20) == "waxwing-mta-build 1 ");
  CHECK(has(encode_build(set, "T"), " T\nfile 2 a\nb\n\nsymbol 1 S\nv\n"));
}

TEST_CASE("published and loaded again; a reload notices a new build and keeps the old one when it is bad") {
  const auto root = scratch();
  CHECK(has(MtaConfig::load(root).error().text, "imsimta cnbuild"));
  auto set = sources();
  set.set_file("imta.cnf", ". $U%$H@out\n\nl\nl-host\n\nout smtp\nout\n");
  REQUIRE(publish_build(root, set));
  auto holder = MtaConfigHolder::open(root);
  REQUIRE(holder);
  CHECK((*holder)->current()->channel("OUT") != nullptr);
  CHECK((*holder)->current()->options().number(Opt::BLOCK_SIZE) == 1024);
  CHECK((*holder)->reload() == false);
  set.set_file("imta.cnf", ". $U%$H@out\n\nl\nl-host\n\nout smtp\nout\n\nmore\nmore\n");
  REQUIRE(publish_build(root, set));
  CHECK((*holder)->reload() == true);
  const auto now = (*holder)->current();
  CHECK(now->channel("more") != nullptr);
  REQUIRE(replace_file(build_path(root), "rubbish"));
  CHECK_FALSE((*holder)->reload());
  CHECK((*holder)->current() == now);
  CHECK(remove_tree(root));
}

TEST_CASE("what only the whole shows: channels that rules and keywords name") {
  auto set = sources();
  set.set_file("imta.cnf",
               "a $U%$D@nowhere\nb $U%$D$Mnone@out\nc ${NOTABLE,$L}$U%$D@out\n. $U%$H@out\n\n"
               "l\nl-host\n\nout smtp saslswitchchannel gone\nout\n");
  const auto config = MtaConfig::parse(set);
  REQUIRE_FALSE(config);
  const auto& all = config.error().text;
  INFO(all);
  CHECK(has(all, "imta.cnf:1: template $U%$D@nowhere routes to \"nowhere\""));
  CHECK(has(all, "imta.cnf:2: template $U%$D$Mnone@out names channel \"none\""));
  CHECK(has(all, "imta.cnf:3: ${NOTABLE,...} calls a mapping table"));
  CHECK(has(all, "saslswitchchannel of channel out names channel \"gone\""));
}
