#include "channels/defragment/piece.h"

#include <openssl/evp.h>

#include <algorithm>
#include <vector>

#include "common/base/strings.h"
#include "common/mail/header.h"
#include "common/mail/mime.h"
#include "common/mail/parameters.h"

namespace waxwing::channels {

namespace {

constexpr std::size_t kMostIdBytes = 1000;

// Fields that tell of the message itself and not of its pieces.
bool is_of_whole(std::string_view name) {
  return istarts_with(name, "Content-") || iequals(name, "Subject") || iequals(name, "Message-ID") ||
         iequals(name, "Encrypted") || iequals(name, "MIME-Version") ||
         // RFC 8098 §2.4: one notification for the message, none for its pieces.
         istarts_with(name, "Disposition-Notification-") || iequals(name, "Original-Recipient");
}

// 1 to 9 digits, not 0; 0 for anything else.
unsigned count_of(std::string_view text) {
  if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != text.npos) return 0;
  return to_number<unsigned>(text).value_or(0);
}

std::string fields_where(std::string_view header, bool of_whole) {
  std::string out;
  const auto block = mail::HeaderBlock::scan(header);
  for (const auto& field : block.fields())
    if (is_of_whole(field.name) == of_whole) out += field.raw;
  return out;
}

}  // namespace

Result<Piece> parse_piece(std::string_view header) {
  const auto block = mail::HeaderBlock::scan(header);
  const auto type = mail::parse_parameters(block.value("Content-Type").value_or(""));
  if (!iequals(type.value, "message/partial")) return permanent("it is no message/partial");
  const auto encoding = mail::transfer_encoding(block.value("Content-Transfer-Encoding").value_or("7bit"));
  if (encoding == mail::TransferEncoding::base64 || encoding == mail::TransferEncoding::quoted_printable ||
      encoding == mail::TransferEncoding::unknown)
    return permanent("it is encoded, which message/partial must not be");
  Piece piece{std::string(type.get("id")), count_of(type.get("number")), 0};
  if (piece.id.empty() || piece.id.size() > kMostIdBytes) return permanent("it has no id of a usual length");
  if (piece.number == 0) return permanent("its number is none: " + printable(type.get("number"), 40));
  if (type.find("total") != nullptr) {
    piece.total = count_of(type.get("total"));
    if (piece.total == 0 || piece.number > piece.total)
      return permanent("its total is none: " + printable(type.get("total"), 40));
  }
  return piece;
}

std::string set_key(const Piece& piece, const mta::queue::Envelope& envelope) {
  std::vector<std::string> names;
  for (const auto& recipient : envelope.recipients)
    if (recipient.progress.status == mta::queue::Status::pending)
      names.push_back(recipient.address + "\t" + recipient.flags);
  std::ranges::sort(names);
  const auto text = piece.id + "\n" + envelope.sender + "\n" + join(names, "\n");
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr);
  return to_hex({reinterpret_cast<const char*>(digest), size});
}

std::string whole_header(std::string_view outer, std::string_view inner) {
  return fields_where(outer, false) + fields_where(inner, true) + "\r\n";
}

}  // namespace waxwing::channels
