#include "mta/address/rewrite.h"
#include "mta/address/resolve.h"

#include "t/unit/mta_address/fixture.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {

// Rules in front of channels l (mail.example.com), out, inside, process.
std::string with_rules(const std::string& rules) {
  return rules +
         "\n\nl\nmail.example.com\n\nout smtp\nout-daemon\n\ninside smtp\ninside-daemon\n\nloose "
         "norules\nloose-daemon\n\n"
         "process\nprocess-daemon\n";
}

// "channel|host|address", or "status text".
std::string outcome(Site& site, const RewriteRequest& request) {
  const auto result = rewrite(site.lookup(), request);
  if (!result) return "error " + result.error().text;
  if (!*result) return result->error().status + " " + result->error().text;
  return (*result)->channel->name() + "|" + (*result)->host + "|" + (*result)->text();
}

RewriteRequest to(const std::string& address) {
  RewriteRequest request;
  const auto at = address.rfind('@');
  request.local = address.substr(0, at);
  request.domain = address.substr(at + 1);
  return request;
}

}  // namespace

TEST_CASE("DOMAIN_FAILURE: what becomes of an address while the directory is down") {
  struct Row {
    const char *option, *source, *becomes;
  };
  const char* const documented =
      "DOMAIN_FAILURE=inside-daemon$Mout$1M$1~-error$4000000?Temporary lookup failure\n";
  const Row rows[] = {
      {"", "loose", "4.4.3 the directory cannot be asked now; try again later"},
      {"DOMAIN_FAILURE=$U%$H@inside-daemon\n", "out", "inside|a.test|u@a.test"},
      {"DOMAIN_FAILURE=inside-daemon\n", "out", "inside|a.test|u@a.test"},
      {"DOMAIN_FAILURE=inside-daemon$Mprocess\n", "out",
       "4.4.3 the directory cannot be asked now; try again later"},
      {documented, "inside", "inside|a.test|u@a.test"},
      {documented, "out", "4.0.0 Temporary lookup failure"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.option, row.source);
    Site site(with_rules("$* $E$F$U%$H$V$H@mail.example.com\n. $U%$H@out-daemon\n"), "", "", row.option);
    site.directory.down = true;
    auto request = to("u@a.test");
    request.source = site.channel(row.source);
    CHECK(outcome(site, request) == row.becomes);
    site.directory.down = false;
    CHECK(outcome(site, request) == "out|a.test|u@a.test");
  }
}

TEST_CASE("scan order of sc.cs.siroe.edu") {
  CHECK(host_keys("sc.cs.siroe.edu") ==
        std::vector<std::string>{"sc.cs.siroe.edu", "*.cs.siroe.edu", ".cs.siroe.edu", "*.*.siroe.edu",
                                 ".siroe.edu", "*.*.*.edu", ".edu", "*.*.*.*", "."});
  CHECK(host_keys("SC.edu", 0) == std::vector<std::string>{"sc.edu", ".edu", "."});
  CHECK(host_keys("a.b.c", 1) == std::vector<std::string>{"a.b.c", "*.b.c", ".b.c", ".c", "."});
  CHECK(host_keys("host") == std::vector<std::string>{"host", "*", "."});
  CHECK(host_keys("[1.2.3.4]") ==
        std::vector<std::string>{"[1.2.3.4]", "[1.2.3.]", "[1.2.]", "[1.]", "[]", "."});
  CHECK(host_keys("[IPv6:::1]") == std::vector<std::string>{"[ipv6:::1]", "[]", "."});
}

TEST_CASE("patterns, templates and substitutions") {
  struct Case {
    std::string rules, address, result;
  };
  const Case cases[] = {
      // Template forms.
      {"a.x $U%b.x\nb.x $U%$D@out-daemon", "u@a.x", "out|b.x|u@b.x"},
      {"a.x $U%gw.x@out-daemon", "u@A.X", "out|gw.x|u@gw.x"},
      {"a.x $U@out-daemon", "u@a.x", "out|out-daemon|u@out-daemon"},
      {"a.x $U@a.x@out-daemon", "u@a.x", "out|out-daemon|@out-daemon:u@a.x"},
      {"a.x $U@a.x@gw.x@out-daemon", "u@a.x", "out|gw.x|@gw.x:u@a.x"},
      {"a.x $U%$D%gate.x@out-daemon", "u@a.x", "out|gate.x|u%a.x@gate.x"},
      // Matched and unmatched parts; case is kept.
      {".siroe.com $U%$H.new$D@out-daemon", "u@A.B.siroe.com", "out|a.b.new.siroe.com|u@A.B.new.siroe.com"},
      {". $U%$H@out-daemon", "u@Some.Where", "out|some.where|u@Some.Where"},
      {".a.b.c $U%$1D@out-daemon", "u@x.a.b.c", "out|b.c|u@b.c"},
      {".c $U%$1H@out-daemon", "u@x.y.c", "out|y|u@y"},
      {"*.siroe.com $U%$&0.one@out-daemon\n. $U%other@out-daemon", "u@w.siroe.com", "out|w.one|u@w.one"},
      {"*.siroe.com $U%one@out-daemon\n. $U%other@out-daemon", "u@v.w.siroe.com", "out|other|u@other"},
      {"*.*.siroe.com $U%$&1-$!1@out-daemon", "u@v.w.siroe.com", "out|w-v|u@w-v"},
      {".siroe.com $U%$*0-$#0@out-daemon", "u@v.siroe.com", "out|siroe-com|u@siroe-com"},
      {"[1.2.3.] $U%last-$L@out-daemon\n[] $U%[$L]@inside-daemon", "u@[1.2.3.4]", "out|last-4|u@last-4"},
      {"[1.2.3.] $U%last-$L@out-daemon\n[] $U%[$L]@inside-daemon", "u@[1.2.4.4]",
       "inside|[1.2.4.4]|u@[1.2.4.4]"},
      // Subaddress, characters, host parts, case.
      {"a.x $0U%$1U.y@out-daemon", "me+Tag@a.x", "out|tag.y|me@Tag.y"},
      {"a.x $U%$0A$3X.$1X@out-daemon", "me@a.x", "out|m.x|me@m.x"},
      {"a.x $\\$U%$^$D$_.z@out-daemon", "Me@a.x", "out|a.x.z|me@A.X.z"},
      {"a.x $U$$$%$@%b@out-daemon", "u@a.x", "out|b|\"u$%@\"@b"},
      // Earlier keys win, then file order; a rule that fails lets the scan go on.
      {".x $U%second@out-daemon\na.x $U%first@out-daemon", "u@a.x", "out|first|u@first"},
      {"a.x $U%first@out-daemon\na.x $U%second@out-daemon", "u@a.x", "out|first|u@first"},
      {"a.x $R$U%first@out-daemon\na.x $U%second@out-daemon", "u@a.x", "out|second|u@second"},
      {"a.x $B$U%first@out-daemon\n.x $U%up@out-daemon", "u@a.x", "out|up|u@up"},
      // $* comes first, $% and $! when there is one.
      {"$* $U%all@out-daemon\na.x $U%first@out-daemon", "u@a.x", "out|all|u@all"},
      {"$% $U%hack@out-daemon\na.x $U%plain@out-daemon", "u%b@a.x", "out|hack|u%b@hack"},
      {"$% $U%hack@out-daemon\na.x $U%plain@out-daemon", "ub@a.x", "out|plain|ub@plain"},
      // Tags.
      {"a.x $Tt|$U%b.x\nt|b.x $U%tagged@out-daemon\nb.x $U%plain@out-daemon", "u@a.x", "out|tagged|u@tagged"},
      // Error texts.
      {"a.x $?Gone$ away", "u@a.x", "5.1.2 Gone away"},
      {"a.x $?Old\n.x $R$U%b@out-daemon", "u@b.x", "5.1.2 unknown host or domain b.x"},
      {"a.x $450?Later", "u@a.x", "4.1.2 Later"},
      {"b.x $U%$D@out-daemon", "u@a.x", "5.1.2 unknown host or domain a.x"},
      // Loops.
      {"a.x $U%b.x\nb.x $U%a.x", "u@a.x",
       "5.4.6 rewriting of u@a.x does not come to an end; rules that lead to each other: b.x (imta.cnf:2), "
       "a.x "
       "(imta.cnf:1)"},
      // The local host, and what stands behind a percent sign or bang there.
      {"mail.example.com $U%$D@mail.example.com", "u@mail.example.com",
       "l|mail.example.com|u@mail.example.com"},
      {"mail.example.com $U%$D@mail.example.com\n. $U%$H@out-daemon", "u%far.x@mail.example.com",
       "out|far.x|u@far.x"},
      {"mail.example.com $U%$D@mail.example.com\n. $P$U%$H.p@out-daemon\n. $U%$H@out-daemon",
       "u%far.x@mail.example.com", "out|far.x.p|u@far.x.p"},
      {"mail.example.com $U%$D@mail.example.com\n. $U%$H@out-daemon", "b!u@mail.example.com", "out|b|u@b"},
      {"mail.example.com $U%$D@mail.example.com\n. $U%$H@out-daemon", "b!u%c@mail.example.com",
       "out|c|b!u@c"},
      // Mapping calls; the result is expanded again.
      {"a.x ${MAP,$U}\n.x $U%none@out-daemon", "joe@a.x", "out|joe.y|joe@joe.y"},
      {"a.x ${MAP,$U}\n.x $U%none@out-daemon", "sue@a.x", "out|none|sue@none"},
  };
  for (const auto& each : cases) {
    INFO(each.rules << "\n" << each.address);
    Site site(with_rules(each.rules), "MAP\n\n  joe  $$U%$0joe.y@out-daemon$Y\n  sue  $N\n");
    CHECK(outcome(site, to(each.address)) == each.result);
  }
}

TEST_CASE("controls on envelope, header, direction and channels") {
  Site site(with_rules(
      "e.x $E$U%yes@out-daemon\nb.x $B$U%yes@out-daemon\nf.x $F$U%yes@out-daemon\n"
      "r.x $R$U%yes@out-daemon\nm.x $Minside$Mout$U%yes@out-daemon\nn.x $U%yes@out-daemon$Ninside\n"
      "q.x $U%yes@out-daemon$Qinside\nc.x $U%yes@out-daemon$Cinside\ni.x $1M$U%yes@out-daemon\n"
      "j.x $1N$U%yes@out-daemon\nt.x $Minside$1~$U%yes@out-daemon\n"
      "s.x $U%no@out-daemon$Minside$1~$?never\n. $U%no@out-daemon"));
  const auto ask = [&](const char* address, bool envelope, bool forward, const char* source,
                       const char* destination) {
    auto request = to(address);
    request.envelope = envelope;
    request.forward = forward;
    request.source = source ? site.channel(source) : nullptr;
    request.destination = destination ? site.channel(destination) : nullptr;
    const auto text = outcome(site, request);
    return text.find("@yes") != std::string::npos  ? "yes"
           : text.find("@no") != std::string::npos ? "no"
                                                   : "error";
  };
  CHECK(ask("u@e.x", true, true, nullptr, nullptr) == std::string("yes"));
  CHECK(ask("u@e.x", false, true, nullptr, nullptr) == std::string("no"));
  CHECK(ask("u@b.x", false, true, nullptr, nullptr) == std::string("yes"));
  CHECK(ask("u@b.x", true, true, nullptr, nullptr) == std::string("no"));
  CHECK(ask("u@f.x", true, true, nullptr, nullptr) == std::string("yes"));
  CHECK(ask("u@f.x", true, false, nullptr, nullptr) == std::string("no"));
  CHECK(ask("u@r.x", true, false, nullptr, nullptr) == std::string("yes"));
  CHECK(ask("u@m.x", true, true, "inside", nullptr) == std::string("yes"));
  CHECK(ask("u@m.x", true, true, "out", nullptr) == std::string("yes"));
  CHECK(ask("u@m.x", true, true, "process", nullptr) == std::string("no"));
  CHECK(ask("u@m.x", true, true, "loose", nullptr) == std::string("yes"));  // norules
  CHECK(ask("u@n.x", true, true, "inside", nullptr) == std::string("no"));
  CHECK(ask("u@n.x", true, true, "out", nullptr) == std::string("yes"));
  CHECK(ask("u@q.x", false, true, nullptr, "inside") == std::string("yes"));
  CHECK(ask("u@q.x", false, true, nullptr, "out") == std::string("no"));
  CHECK(ask("u@q.x", true, true, nullptr, nullptr) == std::string("yes"));  // ignored while To is rewritten
  CHECK(ask("u@c.x", false, true, nullptr, "inside") == std::string("no"));
  CHECK(ask("u@i.x", true, true, "process", nullptr) == std::string("yes"));
  CHECK(ask("u@i.x", true, true, "out", nullptr) == std::string("no"));
  CHECK(ask("u@j.x", true, true, "process", nullptr) == std::string("no"));
  CHECK(ask("u@t.x", true, true, "inside", nullptr) == std::string("yes"));
  // $1~ ends the template well: with what stands before it, and where that is nothing, with the next rule.
  CHECK(ask("u@t.x", true, true, "out", nullptr) == std::string("no"));
  CHECK(ask("u@s.x", true, true, "out", nullptr) == std::string("no"));
}

TEST_CASE("controls on where the host stands in the address") {
  Site site(
      with_rules("mail.example.com $U%$D@mail.example.com\n. $A$U%at@out-daemon\n. $P$U%percent@out-daemon\n"
                 ". $S$U%route@out-daemon\n. $X$U%bang@out-daemon"));
  CHECK(outcome(site, to("u@far.x")) == "out|at|u@at");
  CHECK(outcome(site, to("u%far.x@mail.example.com")) == "out|percent|u@percent");
  CHECK(outcome(site, to("far.x!u@mail.example.com")) == "out|bang|u@bang");
  CHECK(outcome(site, RewriteRequest{"u", "far.x", {"gate.x"}}) == "out|route|@route:u@far.x");
  Site two(
      with_rules("mail.example.com $U%$D@mail.example.com\n. $A$S$U%both@out-daemon\n. $U%none@out-daemon"));
  CHECK(outcome(two, to("u@far.x")) == "out|both|u@both");
  CHECK(outcome(two, to("u%far.x@mail.example.com")) == "out|none|u@none");
}

TEST_CASE("A!B%C at this host: the source channel says what comes first") {
  auto text = with_rules(
      "$! $U%bangs@out-daemon$Ninside$Nloose$Nprocess\nmail.example.com $U%$D@mail.example.com\n. "
      "$U%$H@out-daemon");
  text = replace_all(text, "inside smtp", "inside smtp bangoverpercent");
  text = replace_all(text, "process\nprocess-daemon", "process percentonly\nprocess-daemon");
  Site site(text);
  const auto from = [&](const char* channel, const char* address) {
    auto request = to(address);
    request.source = site.channel(channel);
    return outcome(site, request);
  };
  CHECK(from("inside", "a!b%c@mail.example.com") == "out|a|b%c@a");
  CHECK(from("process", "a!b%c@mail.example.com") == "out|c|a!b@c");
  CHECK(from("process", "a!b@mail.example.com") == "l|mail.example.com|a!b@mail.example.com");
  CHECK(from("out", "a!b@far.x") == "out|bangs|a!b@bangs");
  CHECK(from("out", "ab@far.x") == "out|far.x|ab@far.x");
}

TEST_CASE("what a stranger writes into an address is no template, whatever a mapping makes of it") {
  Site site(with_rules("a.x ${MAP,$U}\na.x $U%none@out-daemon"), "MAP\n\n  *  $0%b.x@out-daemon$Y\n");
  site.directory.searches["ldap:///o=isp?mail?sub?(uid=joe)"] = {{"uid=joe", {{"mail", {"found"}}}}};
  CHECK(outcome(site, to("$]ldap:///o=isp?mail?sub?(uid=joe)[@a.x")) ==
        "out|b.x|\"$]ldap:///o=isp?mail?sub?(uid=joe)[\"@b.x");
  CHECK(outcome(site, to("$Tx$?text@a.x")) == "out|b.x|$Tx$?text@b.x");
}

TEST_CASE("$}domain,attribute{ and $W") {
  Site site(
      with_rules("a.x $U%$}example.com,mailRoutingSmartHost{@out-daemon\na.x $U%none@out-daemon\nb.x "
                 "$U%$W.x@out-daemon"));
  CHECK(outcome(site, to("u@a.x")) == "out|none|u@none");
  site.directory.domains["example.com"]->entry.attributes = {{"mailRoutingSmartHost", {"smart.x"}}};
  CHECK(outcome(site, to("u@a.x")) == "out|smart.x|u@smart.x");
  const auto once = outcome(site, to("u@b.x"));
  CHECK(once.starts_with("out|"));
  CHECK(once != outcome(site, to("u@b.x")));
}

TEST_CASE("DOMAIN_UPLEVEL: sub-domains belong to their domain") {
  for (const bool on : {false, true}) {
    Site site(kSiteCnf, kSiteMappings, "", on ? "DOMAIN_UPLEVEL=1\n" : "");
    CHECK(outcome(site, to("u@deep.sub.example.com")) ==
          (on ? "l|deep.sub.example.com|u@deep.sub.example.com"
              : "tcp_local|deep.sub.example.com|u@deep.sub.example.com"));
    CHECK(outcome(site, to("u@far.com")) == "tcp_local|far.com|u@far.com");
  }
}

TEST_CASE("$V and $Z ask the directory; a directory that is down is a 4xx") {
  Site site;
  site.directory.add_domain("hosted.example");
  CHECK(outcome(site, to("u@hosted.example")) == "l|hosted.example|u@hosted.example");
  CHECK(outcome(site, to("u@far.example")) == "tcp_local|far.example|u@far.example");
  site.directory.domains["hosted.example"]->routing_hosts = {"elsewhere.example.com"};
  CHECK(outcome(site, to("u@hosted.example")) == "tcp_local|hosted.example|u@hosted.example");
  site.directory.domains["hosted.example"]->routing_hosts = {"MX1.example.com"};
  CHECK(outcome(site, to("u@hosted.example")) == "l|hosted.example|u@hosted.example");
  site.directory.down = true;
  CHECK(outcome(site, to("u@far.example")).substr(0, 5) == "4.4.3");
  Site other(with_rules("$* $U%away@out-daemon$Z$H\n. $U%here@out-daemon"));
  CHECK(outcome(other, to("u@example.com")) == "out|here|u@here");
  CHECK(outcome(other, to("u@far.x")) == "out|away|u@away");
}

TEST_CASE("LDAP substitutions are quoted and fail the rule when nothing is found") {
  Site site(
      with_rules("a.x $=$]ldap:///o=isp?mailHost?sub?(uid=$U)[$U%$D@out-daemon\n.x $U%none@out-daemon\n"
                 "b.x $U%$]ldap:///o=isp?mailHost?sub?(uid=$U)[@out-daemon"));
  site.directory.searches["ldap:///o=isp?mailHost?sub?(uid=joe)"] = {{"uid=joe", {{"mailHost", {"h.x"}}}}};
  CHECK(outcome(site, to("joe@b.x")) == "out|h.x|joe@h.x");
  CHECK(outcome(site, to("sue@b.x")) == "out|none|sue@none");
  outcome(site, to("j)(*@a.x"));
  CHECK(site.directory.searches.contains("ldap:///o=isp?mailHost?sub?(uid=j%5C29%5C28%5C2a)"));
}

TEST_CASE("a source route is worked off from the left") {
  Site site;
  RewriteRequest request{"u", "far.x", {"mail.example.com", "gate.x"}};
  CHECK(outcome(site, request) == "tcp_local|gate.x|@gate.x:u@far.x");
}

TEST_CASE("source routes that operators write are worked off, and bad ones told") {
  Site site(kSiteCnf, kSiteMappings, "routed: @gate.x:u@far.x\n");
  const auto resolved = [&](const std::string& address) {
    const auto outcome = *resolve_recipient(site.lookup(), {address});
    if (!outcome) return outcome.error().status + " " + outcome.error().text;
    const auto& recipient = outcome->recipients.at(0);
    return recipient.channel + "|" + recipient.host + "|" + recipient.address;
  };
  CHECK(resolved("@gate.x,@second.x:u@far.x") == "tcp_local|gate.x|@gate.x,@second.x:u@far.x");
  CHECK(resolved("@mail.example.com:u@far.x") == "tcp_local|far.x|u@far.x");
  CHECK(resolved("@[IPv6:2001:db8::1]:u@far.x") ==
        "tcp_local|[ipv6:2001:db8::1]|@[IPv6:2001:db8::1]:u@far.x");
  CHECK(resolved("routed@example.com") == "tcp_local|gate.x|@gate.x:u@far.x");
  for (const char* bad :
       {"@gate.x", "@gate.x u@far.x", "@:u@far.x", "@a b:u@far.x", "gate.x:u@far.x", "@gate.x,:u@far.x"})
    CHECK(resolved(bad).starts_with("5.1.3 bad address "));
}

TEST_CASE("a domain in another script is the same as its A-labels") {
  Site site(
      with_rules("bücher.x $U%$D@out-daemon\n.grün.x $U%$H$D@inside-daemon\nother.x $U%täusch.x\n"
                 "mail.example.com $U%$D@mail.example.com\n"
                 "xn--tusch-gra.x $U%gone.x@out-daemon\n. $U%$D@out-daemon\n"));
  auto bare = to("u@bücher.x"), header = bare;
  header.envelope = false;
  CHECK(outcome(site, bare) == "out|xn--bcher-kva.x|u@xn--bcher-kva.x");
  CHECK(outcome(site, to("u@xn--bcher-kva.x")) == "out|xn--bcher-kva.x|u@xn--bcher-kva.x");
  CHECK(outcome(site, to("ü@sub.GRÜN.x")) == "inside|sub.xn--grn-ioa.x|ü@sub.xn--grn-ioa.x");
  CHECK(outcome(site, header).ends_with("|u@bücher.x"));
  CHECK(outcome(site, to("u@other.x")) == "out|gone.x|u@gone.x");
  CHECK(outcome(site, to("u@ü_.x")).starts_with("5.1.2 "));
  CHECK(outcome(site, to("u%bücher.x@mail.example.com")).starts_with("out|xn--bcher-kva.x|"));
  header.domain = "täusch.x";
  CHECK(outcome(site, header).ends_with("|u@gone.x"));
}

TEST_CASE("ten thousand rules are as fast to look up as a hundred") {
  std::string rules;
  for (int i = 0; i < 10000; ++i) rules += "h" + std::to_string(i) + ".x $U%gw@out-daemon\n";
  Site site(with_rules(rules + ". $U%$H@out-daemon"));
  CHECK(site.config->rules().size() == 10001);
  CHECK(site.config->rules().most_wild_labels() == 0);
  CHECK(outcome(site, to("u@h9999.x")) == "out|gw|u@gw");
}

TEST_CASE("a rule that leaves no host is an error that names it") {
  Site site(with_rules("x $U%@out-daemon"));
  const auto text = outcome(site, to("u@x"));
  CHECK(text.find("template $U%@out-daemon gives no host") != std::string::npos);
}
