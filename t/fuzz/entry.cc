// Directory entries as an operator may have typed them, a line "attribute: value" each, the first line the
// DN; and what is made of names for filters and DNs.
#include "common/base/strings.h"
#include "common/directory/detail/parse.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::directory;

namespace {

template <class T>
void says_why(const Result<T>& result) {
  if (!result) MUST(result.error().fault != Fault::bug && !result.error().text.empty());
}

Entry entry_of(fuzz::Input in) {
  Entry entry{.dn = std::string(in.line()), .attributes = {}};
  while (!in.at_end() && entry.attributes.size() < 60) {
    auto value = in.line();
    const auto name = take_until(value, ':');
    if (entry.attributes.empty() || entry.attributes.back().first != name)
      entry.attributes.push_back({std::string(name), {}});
    entry.attributes.back().second.emplace_back(trim(value));
  }
  return entry;
}

void names(std::string_view text) {
  for (const char c : escape_filter(text)) MUST(c != '(' && c != ')' && c != '*' && c != '\0');
  const auto dn = "uid=" + escape_dn(text) + ",o=isp";
  MUST(text.empty() || is_below(dn, "o=isp"));
  MUST(same_dn(dn, dn));
  parent_dn(text);
  is_below(text, "o=isp");
  (void)fill_filter(text, {.user = "a*b", .domain = "c(d", .original = "e)f"});
}

}  // namespace

FUZZ_TARGET(entry) {
  const auto entry = entry_of(fuzz::Input(input));
  auto domain = std::make_shared<Domain>();
  domain->name = "example.com";
  is_user(entry);
  is_group(entry);
  const auto user = parse_user(entry, domain, "example.com");
  says_why(user);
  says_why(parse_group(entry, domain));
  says_why(parse_group(entry, nullptr));
  says_why(parse_domain(entry, "example.com"));
  names(input.substr(0, input.find('\n')));
}
