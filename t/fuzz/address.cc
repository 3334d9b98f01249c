// Addresses: header fields (lenient), single addr-specs, SMTP paths (strict), xtext, domains.
#include "common/mail/address.h"

#include "common/base/strings.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;

namespace {

// Control bytes become blanks on the way out: what holds them is another address when it is read again.
bool is_clean(const mail::AddrSpec& spec) {
  for (const unsigned char c : spec.local_part + spec.domain)
    if (c < 0x20 || c == 0x7f) return false;
  return !spec.empty();
}

void header_field(std::string_view value) {
  const auto list = mail::parse_address_list(value, {.max_addresses = 500});
  MUST(list.items.size() <= 500);
  for (const auto& address : list.items) {
    MUST(address.begin <= address.end && address.end <= value.size());
    const auto text = mail::format_phrase(address.display_name) + " <" + address.spec.text() + ">";
    MUST(text.find('\r') == std::string::npos && text.find('\n') == std::string::npos);
    if (!list.well_formed || address.kind != mail::Address::Kind::mailbox || !is_clean(address.spec))
      continue;
    const auto again = mail::parse_address_list(text);
    MUST(again.items.size() == 1 && again.items[0].spec == address.spec);
    const auto in_place = mail::parse_addr_spec(value.substr(address.begin, address.end - address.begin));
    MUST(!in_place || *in_place == address.spec);
  }
}

void addr_spec(std::string_view text) {
  const auto spec = mail::parse_addr_spec(text);
  if (!spec || !is_clean(*spec)) return;
  const auto again = mail::parse_addr_spec(spec->text());
  MUST(again && *again == *spec);
}

void smtp_path(std::string_view text, const mail::SmtpPathOptions& options) {
  const auto path = mail::parse_smtp_path(text, options);
  if (!path) return;
  MUST(path->consumed <= text.size());
  MUST(path->spec.local_part.size() <= options.max_local_part);
  MUST(path->spec.domain.size() <= options.max_domain);
  MUST(options.utf8 || (mail::is_ascii(path->spec.local_part) && mail::is_ascii(path->spec.domain)));
  const auto again = mail::parse_smtp_path("<" + path->spec.text() + ">", options);
  MUST(again && again->spec == path->spec);
}

}  // namespace

FUZZ_TARGET(address) {
  fuzz::Input in(input);
  const auto choice = in.byte();
  const auto text = in.rest();
  header_field(text);
  addr_spec(text);
  smtp_path(text, {.utf8 = (choice & 1) != 0,
                   .null_path = (choice & 2) != 0,
                   .bare_local_part = (choice & 4) != 0,
                   .loose_brackets = (choice & 8) != 0});
  // RFC 5321 §4.1.3: a literal's content may have angle brackets, a name may not.
  if (mail::is_smtp_domain(text, (choice & 1) != 0))
    MUST(text.find_first_of(text.starts_with('[') ? " \r\n\t" : " \r\n\t<>") == std::string_view::npos);
  mail::is_address_literal(text);
  const auto decoded = mail::decode_xtext(mail::encode_xtext(text));
  MUST(decoded && *decoded == text);
  if (const auto value = mail::decode_xtext(text))
    MUST(mail::decode_xtext(mail::encode_xtext(*value)) == *value);
}
