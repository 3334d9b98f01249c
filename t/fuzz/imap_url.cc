// IMAP URLs, which a submission client sends and smtpd passes on to imapd: what is taken can stand between quotes in a
// command, names nobody with a control character, and its signed part is read again as the same.
#include "common/mail/imap_url.h"

#include <algorithm>

#include "common/base/strings.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;

FUZZ_TARGET(imap_url) {
  const auto url = mail::parse_imap_url(input);
  if (!url) {
    MUST(url.error().fault == Fault::permanent && !url.error().text.empty());
    return;
  }
  for (const char c : input) MUST(c > ' ' && c < 127 && c != '"' && c != '\\');
  for (const auto* text : {&url->user, &url->mailbox, &url->section, &url->access_user}) {
    MUST(is_utf8(*text));
    for (const char c : *text) MUST(static_cast<unsigned char>(c) >= ' ' && c != 127);
  }
  MUST(!url->host.empty() && !url->mailbox.empty() && url->uid > 0 && url->port > 0);
  MUST(url->token.empty() == url->mechanism.empty());
  if (url->access == mail::ImapUrl::Access::none) return;
  const auto part = url->signed_part(input);
  const auto again = mail::parse_imap_url(part);
  MUST(again && again->access == url->access && again->access_user == url->access_user);
  MUST(again->signed_part(part) == part && again->mailbox == url->mailbox && again->uid == url->uid);
}
