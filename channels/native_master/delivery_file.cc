#include "channels/native_master/delivery_file.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/mail/address.h"

namespace waxwing::channels {

namespace {

std::string local_part(const std::string& address) {
  const auto spec = mail::parse_addr_spec(address);
  return spec ? spec->local_part : address.substr(0, address.rfind('@'));
}

// "file:///a%20b", "file:/a", "/a".
std::string path_of_url(std::string_view url) {
  if (!istarts_with(url, "file:")) return std::string(url);
  url.remove_prefix(5);
  if (url.starts_with("//")) url.remove_prefix(std::min(url.find('/', 2), url.size()));
  std::string path;
  for (std::size_t at = 0; at < url.size(); ++at) {
    const auto byte = url[at] == '%' && at + 2 < url.size() ? from_hex(url.substr(at + 1, 2)) : std::nullopt;
    path += byte ? *byte : std::string(1, url[at]);
    if (byte) at += 2;
  }
  return path;
}

bool is_plain(std::string_view path) {
  if (!path.starts_with('/') || path.size() > 1000) return false;
  if (std::ranges::any_of(path, [](unsigned char c) { return c < ' ' || c == 127; })) return false;
  if (path.ends_with('/')) path.remove_suffix(1);
  const auto pieces = split(path.substr(1), '/');
  return std::ranges::none_of(
      pieces, [](std::string_view piece) { return piece.empty() || piece == "." || piece == ".."; });
}

}  // namespace

bool is_delivery_file(const mta::queue::Recipient& recipient) {
  return local_part(recipient.address).starts_with('+') && !recipient.intermediate.empty() &&
         !local_part(recipient.intermediate).starts_with('+');
}

Result<std::string> delivery_file_path(const mta::queue::Recipient& recipient, std::string_view folders,
                                       const std::string& root) {
  auto path = path_of_url(std::string_view(local_part(recipient.address)).substr(1));
  if (!is_plain(path))
    return permanent("mailDeliveryFileURL of " + printable(recipient.intermediate) +
                     " is no plain absolute path: " + printable(path));
  for (const auto folder : split_words(folders)) {
    auto above = folder.starts_with('/') ? std::string(folder) : root + "/" + std::string(folder);
    if (!above.ends_with('/')) above += '/';
    if (path.starts_with(above) && path.size() > above.size()) return path;
  }
  return permanent("mailDeliveryFileURL of " + printable(recipient.intermediate) + ": " + printable(path) +
                   " is in no folder of native.filefolders");
}

}  // namespace waxwing::channels
