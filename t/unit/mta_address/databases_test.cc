// What rules, mappings, aliases, forwards and reversal take from the databases, and from site routines.
#include <dlfcn.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/directory/would_block.h"
#include "mta/address/mapping.h"
#include "mta/address/resolve.h"
#include "mta/address/rewrite.h"
#include "mta/address/site_routine.h"
#include "t/unit/mta_address/fixture.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {

// An instance with databases, and the site of the fixture with its configuration read beside them.
struct DatabaseSite : Site {
  std::string root = "/tmp/waxwing-address-" + std::to_string(::getpid());

  DatabaseSite(const std::map<DatabaseId, DatabaseEntries>& databases, std::string cnf = kSiteCnf,
               std::string mappings = kSiteMappings, std::string options = "")
      : Site(std::move(cnf), std::move(mappings), "known: joe@example.com\n", std::move(options)) {
    for (const auto& [id, entries] : databases)
      REQUIRE(publish_database(database_path(root, database_spec(id)), *encode_database(entries, 1)));
    auto parsed = MtaConfig::parse(sources, root);
    if (!parsed) throw std::runtime_error(parsed.error().text);
    config = *parsed;
    directory.add_user("joe", "joe@example.com", {"joseph@example.com"});
    directory.add_user("sue", "sue@example.com");
  }
  ~DatabaseSite() { (void)remove_tree(root); }

  std::string to(const std::string& address) {
    const auto outcome = resolve_recipient(lookup(), {address});
    if (!outcome) return "error " + outcome.error().text;
    if (!*outcome) return outcome->error().status + " " + outcome->error().text;
    std::string text;
    for (const auto& recipient : (*outcome)->recipients)
      text += recipient.channel + "|" + recipient.address + " ";
    return text;
  }
};

std::string with_first(const std::string& rules) {
  return rules + "\n" + kSiteCnf;
}

std::string answer(Site& site, const std::string& table, const std::string& probe) {
  const auto result = apply_mapping(site.lookup(), table, probe);
  if (!result) return "error " + result.error().text;
  return result->matched ? result->text + "/" + result->flags.letters() : "no match";
}

RoutineAnswer stars(const Lookup&, std::string_view argument) {
  if (argument == "none") return std::nullopt;
  if (argument == "later") return temporary("later");
  return "*" + std::string(argument) + "*";
}
RoutineAnswer echo(const Lookup&, std::string_view argument) {
  return std::string(argument);
}
int trapped = 0;  // calls that nobody configured
RoutineAnswer trap(const Lookup&, std::string_view) {
  ++trapped;
  return "trapped";
}

}  // namespace

TEST_CASE("$(key) in rules: what is found is a template; nothing found fails the rule") {
  DatabaseSite site(
      {{DatabaseId::general, {{"gate.a.test", "$U%to-$D"}, {"plain", "far.test"}, {"bad", "$k"}}}},
      with_first(
          "a.test $(gate.$D)@tcp-daemon\nb.test $U%$(plain)@tcp-daemon\n"
          "c.test $U%$(nothing)@tcp-daemon\nc.test $U%second@tcp-daemon\nd.test $U%$(bad)@tcp-daemon"));
  CHECK(site.to("u@a.test") == "tcp_local|u@to-a.test ");
  CHECK(site.to("u@b.test") == "tcp_local|u@far.test ");
  CHECK(site.to("u@c.test") == "tcp_local|u@second ");
  CHECK(site.to("u@d.test").starts_with("4.3.5 imta.cnf:5: $(...) is $k: unknown sequence"));
}

TEST_CASE("USE_TEXT_DATABASES: general.txt") {
  Site site;
  site.sources.set_file("imta.cnf", with_first("b.test $U%$(plain)@tcp-daemon"));
  site.sources.set_file("general.txt", "plain  text.test\n");
  site.sources.set_file("option.dat", "USE_TEXT_DATABASES=1\n");
  site.config = *MtaConfig::parse(site.sources);
  RewriteRequest request{"u", "b.test"};
  CHECK((*rewrite(site.lookup(), request))->domain == "text.test");
}

TEST_CASE("the domain database is asked after the rules of each key") {
  const std::map<DatabaseId, DatabaseEntries> databases{{DatabaseId::domain,
                                                         {{"a.test", "$R$U%never@tcp-daemon"},
                                                          {"a.test", "$U%exact@tcp-daemon"},
                                                          {".up.test", "$U%$H.above@tcp-daemon"},
                                                          {"own.test", "$U%database@tcp-daemon"},
                                                          {"t|b.test", "$U%tagged@tcp-daemon"},
                                                          {"bad.test", "$U%x@nowhere"},
                                                          {"*.wild.test", "$U%no@tcp-daemon"}}}};
  const auto cnf = with_first("own.test $U%rule@tcp-daemon\ntag.test $Tt|$U%b.test");
  DatabaseSite site(databases, cnf);
  CHECK(site.to("u@a.test") == "tcp_local|u@exact ");
  CHECK(site.to("u@Deep.up.test") == "tcp_local|u@Deep.above ");
  CHECK(site.to("u@own.test") == "tcp_local|u@rule ");
  CHECK(site.to("u@tag.test") == "tcp_local|u@tagged ");
  CHECK(site.to("u@x.wild.test") == "tcp_local|u@x.wild.test ");
  CHECK(site.to("u@bad.test").starts_with("4.3.5 domain database, bad.test: "));
  DatabaseSite off(databases, cnf, kSiteMappings, "USE_DOMAIN_DATABASE=0\n");
  CHECK(off.to("u@a.test") == "tcp_local|u@a.test ");
}

TEST_CASE("the alias database has what the aliases file has not") {
  DatabaseSite site({{DatabaseId::alias,
                      {{"team", "joe@example.com, sue@example.com"},
                       {"known", "sue@example.com"},
                       {"full@example.com", "sue@example.com"},
                       {"tagged+*", "joe@example.com"},
                       {"broken", "<nofile"}}}});
  CHECK(site.to("team@example.com") == "ims-ms|joe@ims-ms-daemon ims-ms|sue@ims-ms-daemon ");
  CHECK(site.to("known@example.com") == "ims-ms|joe@ims-ms-daemon ");
  CHECK(site.to("full@example.com") == "ims-ms|sue@ims-ms-daemon ");
  CHECK(site.to("tagged+x@example.com") == "ims-ms|joe@ims-ms-daemon ");
  CHECK(site.to("broken@example.com").starts_with("4.3.5 alias database"));
  CHECK(site.to("other@example.com").starts_with("5.1.1 "));
}

TEST_CASE("the forward database, by address or with channel and sender") {
  const std::map<DatabaseId, DatabaseEntries> databases{
      {DatabaseId::forward,
       {{"u@far.test", "joe@example.com"}, {"tcp_local|a@b|u@far.test", "sue@example.com"}}}};
  DatabaseSite plain(databases, kSiteCnf, kSiteMappings, "USE_FORWARD_DATABASE=1\n");
  CHECK(plain.to("u@far.test") == "ims-ms|joe@ims-ms-daemon ");
  CHECK(plain.to("v@far.test") == "tcp_local|v@far.test ");
  DatabaseSite off(databases);
  CHECK(off.to("u@far.test") == "tcp_local|u@far.test ");
  DatabaseSite whole(databases, kSiteCnf, kSiteMappings, "USE_FORWARD_DATABASE=25\n");
  ResolveRequest request{"u@far.test", whole.channel("tcp_local"), "a@b"};
  CHECK((*resolve_recipient(whole.lookup(), request))->recipients.at(0).mailbox == "sue");
}

TEST_CASE("the reverse database comes before REVERSE, and REVERSE after it only when asked") {
  const std::map<DatabaseId, DatabaseEntries> databases{
      {DatabaseId::reverse,
       {{"joe@example.com", "Joe.Doe@example.com"}, {"|tcp_local|sue@example.com", "s@example.com"}}}};
  const auto mappings = std::string(kSiteMappings) +
                        "\nREVERSE\n\n  Joe.Doe@example.com  jd@example.com$Y\n  sue@*  table@$0$Y\n";
  const auto seen = [&](const char* bits, const char* address, const char* to = nullptr) {
    DatabaseSite site(databases, kSiteCnf, mappings, std::string("USE_REVERSE_DATABASE=") + bits + "\n");
    return *resolve_header_address(site.lookup(), address, Pointing::backward, nullptr,
                                   to ? site.channel(to) : nullptr);
  };
  CHECK(seen("5", "joseph@example.com") == "Joe.Doe@example.com");
  CHECK(seen("5", "sue@example.com") == "table@example.com");
  CHECK(seen("37", "joe@example.com") == "jd@example.com");
  CHECK(seen("0", "joe@example.com") == "joe@example.com");
  CHECK(seen("21", "sue@example.com", "tcp_local") == "s@example.com");
}

TEST_CASE("${key} in mappings: what is found, or the key itself") {
  DatabaseSite site({{DatabaseId::general, {{"red", "rot"}}}}, kSiteCnf,
                    std::string(kSiteMappings) + "\nCOLOUR\n\n  *  ${$0}$Y\n");
  CHECK(answer(site, "COLOUR", "Red") == "rot/Y");
  CHECK(answer(site, "COLOUR", "Blue") == "Blue/Y");
}

TEST_CASE("site routines in rules and mappings") {
  add_built_in_routine("stars.so,add", stars);
  add_built_in_routine("stars.so,echo", echo);
  Site site(
      with_first("a.test $[IMTA_LIB:stars.so,echo,$U%where@tcp-daemon]\nb.test $[stars.so,add,none]\n"
                 "b.test $U%second@tcp-daemon\nc.test $[stars.so,add,later]"),
      std::string(kSiteMappings) +
          "\nM\n\n  x*  <$[stars.so,add,$0]>$Y\n  y*  $[stars.so,echo,$0]\n  none  $[stars.so,add,none]\n  * "
          " else\n");
  RewriteRequest request{"u", "a.test"};
  CHECK((*rewrite(site.lookup(), request))->text() == "u@where");
  request.domain = "b.test";
  CHECK((*rewrite(site.lookup(), request))->text() == "u@second");
  request.domain = "c.test";
  CHECK((*rewrite(site.lookup(), request)).error().code == 451);
  CHECK(answer(site, "M", "x1") == "<*1*>/Y");
  CHECK(answer(site, "M", "none") == "else/");
  CHECK(answer(site, "M", "y$N571 no $$ money") == "571 no $ money/N");
  CHECK(answer(site, "M", "y$]ldap:///?x[").starts_with("error "));
  CHECK(answer(site, "M", "y$0-$1") == "$0-$1-/");  // what the row has saved, and is not looked at again
}

TEST_CASE("nothing that a routine or a table answers to a rule calls or looks up") {
  add_built_in_routine("stars.so,echo", echo);
  add_built_in_routine("trap.so,run", trap);
  DatabaseSite site(
      {{DatabaseId::general, {{"key", "general"}, {"calls", "$U%$[stars.so,echo,by]"}}}},
      with_first("a.test $[stars.so,echo,$U]%where@tcp-daemon\n"
                 "b.test ${FOUND,$U}%where@tcp-daemon\nc.test $(calls)@tcp-daemon"),
      std::string(kSiteMappings) +
          "\nFOUND\n\n  *  $]ldap:///?description?sub?(uid=x)[$Y\n\nTRAP\n\n  *  $[trap.so,run,$0]$Y\n");
  trapped = 0;
  const auto rewritten = [&](std::string local, const char* domain) {
    site.directory.searches["ldap:///?description?sub?(uid=x)"] = {{"uid=x", {{"description", {local}}}}};
    const RewriteRequest request{local, domain};
    const auto result = *rewrite(site.lookup(), request);
    return result ? result->text() : std::to_string(result.error().code) + " " + result.error().text;
  };
  for (const char* domain : {"a.test", "b.test"}) {
    for (const char* bad : {"$[trap.so,run,x]", "$[trap.so,run,]", "a$[/lib/libc.so.6,system,x]", "${TRAP,x}",
                            "$(key)", "$]ldap:///?mail?sub?(uid=x)[", "$}example.com,mailHost{",
                            "$Vexample.com", "$?no$ $[trap.so,run,x]"}) {
      INFO(domain << " " << bad);
      const auto text = rewritten(bad, domain);
      CHECK(text.starts_with("451 "));
      CHECK(text.find("nothing that looks up or calls") != std::string::npos);
    }
    CHECK(rewritten("plain", domain) == "plain@where");
    CHECK(rewritten("five$$", domain) == "five$@where");
    CHECK(rewritten("$?Moved$ away", domain) == "\"\"@where");
  }
  CHECK(trapped == 0);
  // The general database is the administrator's own text.
  CHECK(rewritten("u", "c.test") == "u@by");
}

TEST_CASE("a library that was not made for this is not called, and none that only data name is opened") {
  Dl_info libc{};
  REQUIRE(::dladdr(reinterpret_cast<void*>(&::getpid), &libc) != 0);
  const auto name = std::string(libc.dli_fname) + ",getpid";
  CHECK(check_site_routine("/nowhere", name).error().text.find("waxwing_site_abi") != std::string::npos);
  const DatabaseEntries entries{{"key", "$[" + name + ",x]"}};
  DatabaseSite site({{DatabaseId::general, entries}}, with_first("a.test $(key)@tcp-daemon"));
  CHECK(site.to("u@a.test").find("a rule or a mapping") != std::string::npos);
}

TEST_CASE("a library that is not there is the site's to mend; and no routine runs on an event loop") {
  Site site(with_first("a.test $[missing.so,run,$U]"));
  RewriteRequest request{"u", "a.test"};
  const auto outcome = *rewrite(site.lookup(), request);
  CHECK(outcome.error().code == 451);
  CHECK(outcome.error().text.find("missing.so") != std::string::npos);
  auto quick = site.lookup();
  quick.ask = Ask::cache_only;
  const auto waits = rewrite(quick, request);
  REQUIRE_FALSE(waits);
  CHECK(directory::is_would_block(waits.error()));
  CHECK(site_routines_of(*site.config).at(0).name == "missing.so,run");
  CHECK(check_site_routine("/nowhere", "missing.so,run")
            .error()
            .text.find("/nowhere/site-programs/missing.so") != std::string::npos);
}

TEST_CASE("$[...] and $(...) that cannot be meant are refused when they are compiled") {
  for (const char* bad : {"$[lib.so,routine]", "$[../lib.so,routine,x]", "$[sub/lib.so,r,x]",
                          "$[lib.so,1r,x]", "$[lib.so,r,x", "$()", "$(a$(b))", "$[lib so,r,x]"}) {
    INFO(bad);
    CHECK_FALSE(compile_rule_template(bad));
  }
  for (const char* bad : {"$[lib.so,routine]", "${open", "$[x", "$[lib.so,r,$]"})
    CHECK_FALSE(compile_map_template(bad));
}
