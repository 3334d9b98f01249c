#include "smtpd/received.h"

#include <fmt/format.h>

#include "common/base/strings.h"
#include "common/mail/date.h"

namespace waxwing::smtpd {

namespace {
// What came from outside and goes into a header line: visible ASCII, UTF-8 where the message may have it,
// without what ends a comment.
std::string safe(const std::string& text, bool utf8 = false) {
  const bool wide = utf8 && is_utf8(text);
  std::string out;
  out.reserve(text.size());
  for (const unsigned char c : text)
    if (c >= 0x80)
      out.push_back(wide ? static_cast<char>(c) : '?');
    else if (c > ' ' && c != 0x7f && c != '(' && c != ')' && c != '\\' && c != ';')
      out.push_back(static_cast<char>(c));
  return out;
}

std::string literal(const std::string& address) {
  return address.find(':') == std::string::npos ? "[" + address + "]" : "[IPv6:" + address + "]";
}

std::string from_clause(const TraceFacts& facts) {
  const auto helo = safe(facts.helo, facts.smtputf8);
  std::string tcp;
  if (facts.show_name && !facts.host_name.empty()) tcp = safe(facts.host_name);
  if (facts.show_name && tcp.empty() && !facts.claimed_name.empty())
    tcp = safe(facts.claimed_name) + " (may be forged)";
  if (!facts.ident.empty()) tcp.insert(0, safe(facts.ident) + "@");
  if (facts.show_address && !facts.address.empty())
    tcp += (tcp.empty() || tcp.ends_with('@') ? "" : " ") + literal(facts.address);
  std::string out = "from " + (helo.empty() ? literal(facts.address) : helo);
  if (!tcp.empty()) out += " (" + tcp + ")";
  return out;
}
}  // namespace

std::string with_protocol(const TraceFacts& facts) {
  std::string word = facts.smtputf8                                                      ? "UTF8SMTP"
                     : facts.esmtp || facts.authenticated || !facts.tls_protocol.empty() ? "ESMTP"
                                                                                         : "SMTP";
  if (!facts.tls_protocol.empty()) word += 'S';
  if (facts.authenticated) word += 'A';
  return word;
}

std::string received_field(const TraceFacts& facts) {
  std::string out;
  out.reserve(512);
  out.append("Received: ").append(from_clause(facts)).append("\r\n\tby ").append(facts.by);
  if (!facts.software.empty()) out.append(" (").append(facts.software).append(")");
  out.append("\r\n\tvia TCP with ").append(with_protocol(facts)).append(" id ").append(facts.queue_id);
  if (!facts.tls_protocol.empty())
    out += fmt::format("\r\n\t(using {} with cipher {} ({} bits))", safe(facts.tls_protocol),
                       safe(facts.tls_cipher), facts.tls_bits);
  if (!facts.sender.empty()) out += "\r\n\t(original envelope From " + safe(facts.sender) + ")";
  if (!facts.recipient.empty()) {
    out += "\r\n\tfor <";
    for (const unsigned char c : facts.recipient)
      if (c >= ' ' && c != 0x7f) out.push_back(static_cast<char>(c));
    out += ">";
  }
  if (facts.mt_priority) out += fmt::format("\r\n\tpriority {}", *facts.mt_priority);
  return out.append(";\r\n\t").append(mail::format_local_date(facts.now_seconds)).append("\r\n");
}

}  // namespace waxwing::smtpd
