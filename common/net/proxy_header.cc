#include "common/net/proxy_header.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "common/base/strings.h"

namespace waxwing {

namespace {

constexpr std::string_view kFirst = "PROXY ";
constexpr std::string_view kSecond("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kMostLineBytes = 107;
constexpr std::size_t kFixedBytes = 16;

Error no_header() {
  return {Fault::permanent, "that is no PROXY header"};
}

// In its usual form. What an IPv4 client is called by a socket of both families is an IPv4 address for all rules.
std::string address_of_bytes(int family, const void* bytes) {
  char usual[INET6_ADDRSTRLEN];
  const auto* six = static_cast<const in6_addr*>(bytes);
  const bool mapped = family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(six);
  return mapped ? ::inet_ntop(AF_INET, &six->s6_addr[12], usual, sizeof usual)
                : ::inet_ntop(family, bytes, usual, sizeof usual);
}

// Nothing when it is no address of that family.
std::optional<std::string> address_of(int family, std::string_view text) {
  in6_addr bytes;
  if (::inet_pton(family, std::string(text).c_str(), &bytes) != 1) return std::nullopt;
  return address_of_bytes(family, &bytes);
}

std::string address_at(int family, std::string_view wire) {
  in6_addr bytes{};
  std::memcpy(&bytes, wire.data(), wire.size());
  return address_of_bytes(family, &bytes);
}

std::optional<int> port_of(std::string_view text) {
  if (text.empty() || text.size() > 5 || text.find_first_not_of("0123456789") != text.npos)
    return std::nullopt;
  const auto port = to_number<int>(text);
  return port && *port <= 65535 ? port : std::nullopt;
}

// "TCP4 192.0.2.1 192.0.2.2 56324 25"
Result<ProxyHeader> parse_line(std::string_view line) {
  const auto words = split(line, ' ');
  ProxyHeader header;
  if (words[0] == "UNKNOWN") return header;
  const int family = words[0] == "TCP4" ? AF_INET : words[0] == "TCP6" ? AF_INET6 : 0;
  if (family == 0 || words.size() != 5) return std::unexpected(no_header());
  const auto client = address_of(family, words[1]), server = address_of(family, words[2]);
  const auto client_port = port_of(words[3]), server_port = port_of(words[4]);
  if (!client || !server || !client_port || !server_port) return std::unexpected(no_header());
  header.client_address = *client;
  header.server_address = *server;
  header.client_port = *client_port;
  header.server_port = *server_port;
  return header;
}

Result<std::optional<ProxyHeader>> parse_first(std::string_view bytes) {
  const auto end = bytes.substr(0, kMostLineBytes).find("\r\n");
  if (end == bytes.npos) {
    if (bytes.size() >= kMostLineBytes) return std::unexpected(no_header());
    return std::nullopt;
  }
  TRY(auto header, parse_line(bytes.substr(kFirst.size(), end - kFirst.size())));
  header.bytes = end + 2;
  return std::optional(std::move(header));
}

// Signature (12), version and command, family and protocol, length (2), addresses and ports, what else there is.
Result<std::optional<ProxyHeader>> parse_second(std::string_view bytes) {
  if (bytes.size() < kFixedBytes) return std::nullopt;
  const auto byte = [&](std::size_t i) {
    return static_cast<unsigned>(static_cast<unsigned char>(bytes[i]));
  };
  const auto version = byte(12) >> 4, command = byte(12) & 15, family = byte(13);
  const std::size_t length = byte(14) << 8 | byte(15);
  if (version != 2 || command > 1) return std::unexpected(no_header());
  if (kFixedBytes + length > kMostProxyHeaderBytes) return permanent("the PROXY header is too long");
  if (bytes.size() < kFixedBytes + length) return std::nullopt;
  ProxyHeader header;
  header.bytes = kFixedBytes + length;
  constexpr unsigned kTcp4 = 0x11, kTcp6 = 0x21;
  if (command == 0 || (family != kTcp4 && family != kTcp6)) return std::optional(std::move(header));
  const std::size_t width = family == kTcp4 ? 4 : 16;
  if (length < 2 * width + 4) return std::unexpected(no_header());
  const auto addresses = bytes.substr(kFixedBytes);
  const int form = family == kTcp4 ? AF_INET : AF_INET6;
  header.client_address = address_at(form, addresses.substr(0, width));
  header.server_address = address_at(form, addresses.substr(width, width));
  const auto ports = kFixedBytes + 2 * width;
  header.client_port = static_cast<int>(byte(ports) << 8 | byte(ports + 1));
  header.server_port = static_cast<int>(byte(ports + 2) << 8 | byte(ports + 3));
  return std::optional(std::move(header));
}

}  // namespace

Result<std::optional<ProxyHeader>> parse_proxy_header(std::string_view bytes) {
  for (const auto& [signature, parse] :
       {std::pair(kFirst, &parse_first), std::pair(kSecond, &parse_second)}) {
    const auto known = std::min(bytes.size(), signature.size());
    if (bytes.substr(0, known) != signature.substr(0, known)) continue;
    if (known < signature.size()) return std::nullopt;
    return parse(bytes);
  }
  return std::unexpected(no_header());
}

}  // namespace waxwing
