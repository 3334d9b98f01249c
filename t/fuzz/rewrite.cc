// Templates of rewrite rules, each by itself: the first line is the address, the rest a template for its
// domain.
#include "mta/address/rewrite.h"

#include "common/base/strings.h"
#include "common/mail/address.h"
#include "mta/config/delivery_options.h"
#include "mta/config/delivery_template.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::mta;

FUZZ_TARGET(rewrite) {
  fuzz::Input in(input);
  const auto address = mail::parse_addr_spec(in.line());
  const auto text = in.line();
  (void)compile_rule_template(text);
  if (const auto options = DeliveryOptions::parse(text))
    for (const auto& option : options->all()) MUST(!option.name.empty());
  (void)fill_delivery_template(text,
                               {.address = "a+b@c.d", .local_part = "a", .subaddress = "b", .uid = "u"});

  SourceSet sources;
  sources.set_file("imta.cnf", ". " + std::string(text) + "\n\nl\nl-host\n\nout\nout\n");
  sources.set_file("mappings", "T\n\n  *  $Y$0\n");
  sources.set_symbol("IMTA_HOST", "l-host");
  sources.set_symbol("IMTA_DEFAULTDOMAIN", "example.com");
  const auto config = MtaConfig::parse(std::move(sources));
  if (!config || !address || address->domain.empty()) return;
  RewriteRequest request{
      .local = address->local_part, .domain = to_lower(address->domain), .route = {"a.b", "c"}};
  const auto rewritten = rewrite({**config}, request);
  if (rewritten && *rewritten) MUST((*rewritten)->channel != nullptr);
}
