// From a message's bytes to its cache entry: envelope, structures, the headers people ask for, a preview.
#include <algorithm>
#include <array>
#include <unordered_set>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/strings.h"
#include "common/mail/header.h"
#include "common/mail/imap_structure.h"
#include "common/mail/mime.h"
#include "common/mail/preview.h"
#include "common/mail/threading.h"
#include "store/mailbox/cache.h"

namespace waxwing::store {

bool is_cached_header(std::string_view name) {
  static const std::unordered_set<std::string_view, CaseBlindHash, CaseBlindEqual> kNames{
      "Date",
      "From",
      "Sender",
      "Reply-To",
      "To",
      "Cc",
      "Bcc",
      "Subject",
      "Message-ID",
      "In-Reply-To",
      "References",
      "Content-Type",
      "Content-Transfer-Encoding",
      "MIME-Version",
      "List-Id",
      "List-Post",
      "List-Unsubscribe",
      "X-Priority",
      "Importance",
      "Priority",
      "X-Mailer",
      "User-Agent",
      "Resent-Date",
      "Resent-From",
      "Newsgroups",
      "Return-Path",
      "Delivered-To",
      "Disposition-Notification-To",
      "X-Spam-Flag",
      "Authentication-Results",
      "X-Original-To",
      "Auto-Submitted",
      "Precedence",
      "Content-Disposition",
      "Content-Language",
  };
  return kNames.contains(name);
}

namespace {
constexpr std::size_t kMaxCachedHeaders = 256 << 10;

// All messages of a conversation name the same oldest ancestor: its id makes the thread.
std::uint64_t thread_of(const mail::HeaderBlock& header, const std::string& message_id) {
  const auto ancestors = mail::references(header, 1);
  const auto& id = ancestors.empty() ? message_id : ancestors.front();
  return id.empty() ? 0 : XXH3_64bits(id.data(), id.size()) | 1;
}
}  // namespace

ParsedMessage parse_for_cache(std::string_view message) {
  const auto mime = mail::parse_mime(message);
  ParsedMessage parsed;
  parsed.header_size = static_cast<std::uint32_t>(mime.header.size());
  parsed.message_id = mail::message_id(mime.header);
  parsed.thread_id = thread_of(mime.header, parsed.message_id);
  std::string headers;
  for (const auto& field : mime.header.fields())
    if (is_cached_header(field.name) && headers.size() + field.raw.size() <= kMaxCachedHeaders)
      headers += field.raw;
  parsed.cache_entry =
      pack(parsed.header_size, {mail::imap_envelope(mime.header), mail::imap_body_structure(mime, false),
                                mail::imap_body_structure(mime, true), headers, mail::preview_text(mime)});
  return parsed;
}

}  // namespace waxwing::store
