#include "mta/address/mapping.h"

#include "t/unit/mta_address/fixture.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {

const char* const kCnf = ". $U%$H@out\n\nl\nl-host\n\nout\nout\n";

// "text/flags", "-" for no match, "error ...".
std::string apply(Site& site, const char* table, const std::string& probe, const char* flags = "") {
  MapFlags inputs;
  for (const char* flag = flags; *flag; ++flag) inputs.set(*flag);
  const auto result = apply_mapping(site.lookup(), table, probe, inputs);
  if (!result)
    return std::string(result.error().fault == Fault::temporary ? "later " : "error ") + result.error().text;
  if (!result->matched) return "-";
  return result->text + "/" + result->flags.letters();
}

}  // namespace

TEST_CASE("templates of mapping tables") {
  Site site(kCnf,
            "T\n\n"
            "  copy=*=*    $1$0$Y\n"
            "  case=*      $\\$0$^$0$_$0\n"
            "  lit=*       $$$ $%$*x\n"
            "  reject=*    $N$D30|Not$ you\n"
            "  in=*        $:A$Yauth\n"
            "  in=*        $;T$Yplain\n"
            "  in=*        $Ytls\n"
            "  next=*      $Cstep=$0\n"
            "  step=*      $C$Htwo=$0\n"
            "  two=*       $Ydone=$0\n"
            "  stop=*      $C$Enext=$0\n"
            "  call=*      $|U;$0|!$Y\n"
            "  call=*      fallback\n"
            "  never=*     $?0?bad\n"
            "  never=*     $?100?good\n"
            "  seq=*       $#counter|5|16|4#\n"
            "  ldap=*      $.down.$]ldap:///?mail?sub?(uid=$=$0)[\n"
            "  hard=*      $]ldap:///?mail?sub?(uid=$=$0)[\n"
            "  dom=*       $}$0,mailConversionTag{\n"
            "  spin=*      $Rspin=$0\n"
            "  loop=x*     $Lloop=$0\n"
            "  self=*      $|T;self=$0|\n\n"
            "U\n\n  yes*  ($0)$Y\n  no*  ($0)$N\n  in  $:A$Y\n");
  CHECK(apply(site, "t", "copy=a=b") == "ba/Y");
  CHECK(apply(site, "T", "case=aB") == "abABaB/");
  CHECK(apply(site, "T", "lit=") == "$ %*x/");
  CHECK(apply(site, "T", "reject=") == "30|Not you/DN");
  CHECK(apply(site, "T", "in=", "A") == "auth/Y");
  CHECK(apply(site, "T", "in=") == "plain/Y");
  CHECK(apply(site, "T", "in=", "T") == "tls/Y");
  CHECK(apply(site, "T", "next=1") == "done=1/HY");
  CHECK(apply(site, "T", "stop=1") == "next=1/");
  CHECK(apply(site, "T", "call=yes1") == "(1)!/Y");
  CHECK(apply(site, "T", "call=no1") == "fallback/");
  CHECK(apply(site, "T", "call=none") == "fallback/");
  CHECK(apply(site, "T", "call=in", "A") == "!/Y");
  CHECK(apply(site, "T", "never=") == "good/");
  CHECK(apply(site, "T", "seq=") == "0005/");
  CHECK(apply(site, "T", "seq=") == "000A/");
  CHECK(apply(site, "T", "nothing") == "-");
  CHECK(apply(site, "none", "x") == "-");
  CHECK(apply(site, "T", "spin=1").substr(0, 5) == "error");
  CHECK(apply(site, "T", "loop=xxx") == "loop=/");
  CHECK(apply(site, "T", "self=1").substr(0, 5) == "error");
  site.directory.searches["ldap:///?mail?sub?(uid=a%5C2a)"] = {{"uid=a", {{"mail", {"a@b"}}}}};
  CHECK(apply(site, "T", "ldap=a*") == "a@b/");
  CHECK(apply(site, "T", "ldap=zz") == "-");
  site.directory.domains["example.com"]->entry.attributes = {{"mailConversionTag", {"tag"}}};
  CHECK(apply(site, "T", "dom=example.com") == "tag/");
  CHECK(apply(site, "T", "dom=other.com") == "-");
  site.directory.down = true;
  CHECK(apply(site, "T", "ldap=a*") == "down/");
  CHECK(apply(site, "T", "hard=a*").substr(0, 5) == "later");
}

TEST_CASE("the rows of a table have no limit; those that take part in one answer have") {
  std::string table = "T\n\n";
  for (int i = 0; i < 12000; ++i) table += "  no" + std::to_string(i) + "  $N\n";
  table += "  last  found$Y\n  restart  $Clast$R\n\n";
  std::string chain = "CHAIN\n\n";
  for (int i = 0; i < 12000; ++i) chain += "  *  $C$0\n";
  Site site(kCnf, table + chain);
  CHECK(apply(site, "T", "nobody") == "-");
  CHECK(apply(site, "T", "last") == "found/Y");
  CHECK(apply(site, "T", "restart") == "found/Y");
  CHECK(apply(site, "CHAIN", "x").find("error mapping table CHAIN") == 0);
}
