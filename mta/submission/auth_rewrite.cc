#include "mta/submission/auth_rewrite.h"

#include "common/base/strings.h"
#include "common/mail/address.h"
#include "mta/address/mapping.h"

namespace waxwing::mta {
namespace {

using Outcome = std::expected<AuthRewriting, Verdict>;

enum Mode : std::int64_t { sender_or_resent = 1, sender_only = 2, mapping_or_resent = 3, mapping_only = 4 };

// The address of a field with one mailbox; "" when there is none, or more.
std::string only_address(const mail::HeaderBlock& header, std::string_view name) {
  const auto value = header.value(name);
  if (!value) return {};
  const auto list = mail::parse_address_list(*value, {.max_addresses = 2});
  return list.items.size() == 1 ? list.items[0].spec.text() : std::string();
}

// What stands in the answer, piece by piece, for the flags that have an argument.
class Arguments {
 public:
  explicit Arguments(std::string_view text) : text_(text) {}
  std::string take() {
    const auto end = text_.find('|');
    const auto piece = std::string(trim(text_.substr(0, end)));
    text_ = end == text_.npos ? std::string_view{} : text_.substr(end + 1);
    return piece;
  }

 private:
  std::string_view text_;
};

// Nothing but an address gets into a header or an envelope.
std::string address_or_nothing(const std::string& text) {
  const auto spec = mail::parse_addr_spec(text);
  return spec ? spec->text() : std::string();
}

Outcome from_mapping(const MapResult& answer, AuthRewriting rewriting) {
  Arguments arguments(answer.text);
  if (answer.flags.has('J')) rewriting.envelope_from = address_or_nothing(arguments.take());
  if (answer.flags.has('K')) rewriting.sender = address_or_nothing(arguments.take());
  if (answer.flags.has('I')) rewriting.from = address_or_nothing(arguments.take());
  if (!answer.flags.has('N')) return rewriting;
  const auto text = arguments.take();
  return std::unexpected(
      Verdict{550, "5.7.1", text.empty() ? "You are not allowed to send as this sender" : text});
}

}  // namespace

Result<Outcome> auth_rewrite(const Lookup& lookup, const Channel& source, std::string_view sender,
                             std::string_view auth_sender, const mail::HeaderBlock& header) {
  const auto mode = source.is(Kw::authrewrite) ? source.number(Kw::authrewrite, 0) : 0;
  AuthRewriting rewriting;
  if (mode < sender_or_resent || mode > mapping_only || auth_sender.empty()) return Outcome(rewriting);
  const bool resent = (mode == sender_or_resent || mode == mapping_or_resent) &&
                      (header.find("Resent-From") != nullptr || header.find("Resent-Sender") != nullptr);
  rewriting.sender_name = resent ? "Resent-Sender" : "Sender";
  rewriting.from_name = resent ? "Resent-From" : "From";
  const auto from = only_address(header, rewriting.from_name);
  if (mode <= sender_only) {
    // RFC 5322 §3.6.2: Sender: only where it says something else.
    if (!iequals(from, auth_sender)) rewriting.sender = std::string(auth_sender);
    return Outcome(rewriting);
  }
  // A bar within an address would pass for two pieces.
  const auto piece = [](std::string_view text) { return replace_all(std::string(text), "|", "_"); };
  const auto probe = join(
      {piece(sender), piece(only_address(header, rewriting.sender_name)), piece(from), piece(auth_sender)},
      "|");
  TRY(const auto answer, apply_mapping(lookup, "AUTH_REWRITE", probe));
  if (!answer.matched) return Outcome(rewriting);
  return from_mapping(answer, rewriting);
}

}  // namespace waxwing::mta
