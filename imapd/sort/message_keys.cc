#include "imapd/sort/message_keys.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/strings.h"
#include "common/mail/address.h"
#include "common/mail/charset.h"
#include "common/mail/date.h"
#include "common/mail/threading.h"

namespace waxwing::imap {
namespace {

std::string comparable(std::string_view text) {
  auto folded = mail::fold_for_search(text);
  if (folded.size() <= kMostKeyBytes) return folded;
  const auto hash = XXH3_64bits(folded.data(), folded.size());
  folded.resize(kMostKeyBytes);
  for (int shift = 56; shift >= 0; shift -= 8) folded += static_cast<char>(hash >> shift);
  return folded;
}

// mailbox: the part before the "@", or a group's name. display: the name shown, else the address.
struct FirstAddress {
  std::string mailbox, display;
};

FirstAddress first_address(const mail::HeaderBlock& header, std::string_view field) {
  const auto value = header.value(field);
  if (!value) return {};
  const auto list = mail::parse_address_list(*value, {.max_addresses = 1});
  if (list.items.empty()) return {};
  const auto& first = list.items.front();
  const auto name = mail::decoded_text(first.display_name);
  if (first.kind != mail::Address::Kind::mailbox) return {comparable(name), comparable(name)};
  return {comparable(mail::valid_utf8(first.spec.local_part)),
          comparable(name.empty() ? mail::valid_utf8(first.spec.text()) : name)};
}

std::int64_t sent_date(const mail::HeaderBlock& header, const store::MessageInfo& message) {
  const auto value = header.value("Date");
  const auto date = value ? mail::parse_date(*value) : std::nullopt;
  return date ? date->utc_seconds : message.internal_date;
}

std::uint64_t id_hash(std::string_view id) {
  return id.empty() ? 0 : XXH3_64bits(id.data(), id.size()) | 1;
}

std::vector<std::uint64_t> reference_hashes(const mail::HeaderBlock& header) {
  const auto ids = mail::references(header);
  std::vector<std::uint64_t> hashes;
  const auto left_out = ids.size() > kMostReferences ? ids.size() - kMostReferences : 0;
  for (std::size_t n = 0; n < ids.size(); ++n)
    if (n == 0 || n > left_out) hashes.push_back(id_hash(ids[n]));
  return hashes;
}

}  // namespace

MessageKeys message_keys(const mail::HeaderBlock& header, const store::MessageInfo& message,
                         unsigned columns) {
  MessageKeys keys{.uid = message.uid};
  if (columns & kSent) keys.sent = sent_date(header, message);
  if (columns & kSubject) {
    const auto base = mail::base_subject(header.value("Subject").value_or(""));
    keys.subject = comparable(base.text);
    keys.is_reply_or_forward = base.is_reply_or_forward;
  }
  if (columns & kAddresses) {
    auto author = first_address(header, "From");
    auto reader = first_address(header, "To");
    keys.addresses = {std::move(author.mailbox), std::move(reader.mailbox),
                      first_address(header, "Cc").mailbox, std::move(author.display),
                      std::move(reader.display)};
  }
  if (columns & kIds) {
    keys.id = id_hash(mail::message_id(header));
    keys.references = reference_hashes(header);
  }
  return keys;
}

}  // namespace waxwing::imap
