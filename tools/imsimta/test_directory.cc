// imsimta test -url and -domain_map: what the directory answers to rewriting.
#include <fmt/format.h>

#include <algorithm>

#include "common/base/strings.h"
#include "mta/address/ldap_value.h"
#include "tools/imsimta/printer.h"
#include "tools/imsimta/test.h"

namespace waxwing::imsimta {
namespace {

void show_entry(const directory::Entry& entry) {
  fmt::print("dn: {}\n", entry.dn);
  for (const auto& [name, values] : entry.attributes)
    for (const auto& value : values) fmt::print("{}: {}\n", name, printable(value, 1000));
  fmt::print("\n");
}

// "  status: active"; nothing for what is empty.
void show_field(const char* name, const std::string& value) {
  if (!value.empty()) fmt::print("  {}: {}\n", name, value);
}

void show_domain(const mta::MtaConfig& config, const directory::Domain& domain) {
  fmt::print("  domain: {}\n  entry: {}\n  status: {}\n", domain.name, domain.dn, to_string(domain.status));
  show_field("users below", domain.base_dn);
  show_field("aliases", join(domain.aliases, " "));
  show_field("smart host", domain.routing_smart_host);
  show_field("catch-all", domain.catchall_address);
  show_field("routing hosts", join(domain.routing_hosts, " "));
  const bool here =
      domain.routing_hosts.empty() ||
      std::ranges::any_of(domain.routing_hosts, [&](const auto& host) { return config.is_local_host(host); });
  fmt::print("  $V: {}\n", here ? "holds" : "fails: none of the routing hosts is this one");
}

}  // namespace

Result<int> test_url(const Context& context, Arguments arguments) {
  const auto url = arguments.take_word();
  TRY_VOID(arguments.finish("test -url ldap:///base?attributes?scope?filter"));
  if (url.empty()) return permanent("say which URL: imsimta test -url 'ldap:///o=isp?mail?sub?(uid=joe)'");
  const auto directory = directory_for_tool(context.root, nullptr);
  if (!directory) return temporary("there is no directory to ask");
  TRY(const auto entries, directory->search(url, mta::Ask::may_block));
  for (const auto& entry : *entries) show_entry(entry);
  fmt::print("{} entries\n", entries->size());
  return entries->empty() ? 1 : 0;
}

Result<int> test_domain_map(const Context& context, Arguments arguments) {
  TRY(const auto config, config_for_test(context, arguments));
  std::vector<std::string> names;
  for (auto word = arguments.take_word(); !word.empty(); word = arguments.take_word()) names.push_back(word);
  TRY_VOID(arguments.finish("test -domain_map domain ..."));
  if (names.empty()) return permanent("say which domain: imsimta test -domain_map example.com");
  const auto directory = directory_for_tool(context.root, config.get());
  const mta::Lookup lookup{*config, directory.get(), mta::Ask::may_block, nullptr};
  bool all = true;
  for (const auto& name : names) {
    fmt::print("{}\n", name);
    TRY(const auto domain, mta::local_domain(lookup, name));
    if (domain)
      show_domain(*config, *domain);
    else
      fmt::print("  the directory does not know it: $V fails\n");
    all = all && domain;
  }
  return all ? 0 : 1;
}

}  // namespace waxwing::imsimta
