#include "common/net/proxy_header.h"

#include <catch2/catch.hpp>

using namespace waxwing;

namespace {

std::string binary(unsigned char version_command, unsigned char family, std::string addresses) {
  std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
  header += static_cast<char>(version_command);
  header += static_cast<char>(family);
  header += static_cast<char>(addresses.size() >> 8);
  header += static_cast<char>(addresses.size());
  return header + addresses;
}

const std::string kV4("\xC0\x00\x02\x01\xC0\x00\x02\x02\xDC\x04\x00\x19",
                      12);  // 192.0.2.1:56324 to 192.0.2.2:25

std::string shown(const std::string& bytes) {
  const auto header = parse_proxy_header(bytes);
  if (!header) return "error";
  if (!*header) return "more";
  const auto& found = **header;
  return found.client_address + " " + std::to_string(found.client_port) + " " + found.server_address + " " +
         std::to_string(found.server_port) + " " + std::to_string(found.bytes);
}

}  // namespace

TEST_CASE("both versions say whose a connection is, and how much of it is theirs") {
  CHECK(shown("PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\r\nEHLO x\r\n") == "192.0.2.1 56324 192.0.2.2 25 41");
  CHECK(shown("PROXY TCP6 2001:DB8:0::1 ::1 1 65535\r\n") == "2001:db8::1 1 ::1 65535 38");
  CHECK(shown("PROXY UNKNOWN\r\n") == " 0  0 15");
  CHECK(shown("PROXY UNKNOWN ffff::1 what ever\r\n") == " 0  0 33");
  CHECK(shown(binary(0x21, 0x11, kV4) + "EHLO") == "192.0.2.1 56324 192.0.2.2 25 28");
  CHECK(shown(binary(0x21, 0x11, kV4 + std::string("\x03\x00\x04", 3) + "crcc")) ==
        "192.0.2.1 56324 192.0.2.2 25 35");
  CHECK(shown(binary(0x20, 0x00, "")) == " 0  0 16");
  CHECK(shown(binary(0x21, 0x31, std::string(216, 'x'))) == " 0  0 232");
  const std::string v6 = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x01";
  CHECK(shown(binary(0x21, 0x21, v6 + v6 + std::string("\x00\x01\x00\x19", 4))) ==
        "2001:db8::1 1 2001:db8::1 25 52");
}

TEST_CASE("an IPv4 client of a socket of both families is an IPv4 client") {
  CHECK(shown("PROXY TCP6 ::ffff:192.0.2.66 ::FFFF:c000:202 1 25\r\n") == "192.0.2.66 1 192.0.2.2 25 51");
  const std::string mapped = std::string(10, '\0') + "\xff\xff" + std::string("\xC0\x00\x02\x42", 4);
  CHECK(shown(binary(0x21, 0x21, mapped + mapped + std::string("\x00\x01\x00\x19", 4))) ==
        "192.0.2.66 1 192.0.2.66 25 52");
}

TEST_CASE("a PROXY header a byte at a time") {
  for (const auto& whole :
       {std::string("PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\r\n"), binary(0x21, 0x11, kV4)}) {
    for (std::size_t size = 0; size < whole.size(); ++size) CHECK(shown(whole.substr(0, size)) == "more");
    CHECK(shown(whole).starts_with("192.0.2.1 "));
  }
}

TEST_CASE("what is no PROXY header ends the connection at once") {
  for (const std::string& bytes :
       {std::string("E"), std::string("EHLO x\r\n"), std::string("PROXY\r\n"), std::string("PROXX"),
        std::string("PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n"),
        std::string("PROXY TCP4 192.0.2.1 192.0.2.2 56324 65536\r\n"),
        std::string("PROXY TCP4 ::1 ::1 1 1\r\n"), std::string("PROXY TCP6 192.0.2.1 ::1 1 1\r\n"),
        std::string("PROXY TCP4 192.0.2.1  192.0.2.2 1 1\r\n"),
        std::string("PROXY TCP4 192.0.2.1 192.0.2.2 -1 1\r\n"), "PROXY TCP4 " + std::string(200, '1'),
        std::string("PROXY TCP4 192.0.2.1 192.0.2.2 1 1\n") + std::string(80, ' '), binary(0x11, 0x11, kV4),
        binary(0x22, 0x11, kV4), binary(0x21, 0x11, kV4.substr(1)),
        binary(0x21, 0x11, std::string(5000, 'x')), std::string("\r\n\r\nx")}) {
    INFO(bytes.substr(0, 60));
    CHECK(shown(bytes) == "error");
  }
}
