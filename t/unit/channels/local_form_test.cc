#include "channels/master/local_form.h"

#include <catch2/catch.hpp>

using namespace waxwing::channels;

TEST_CASE("line ends of this system, whatever the pieces") {
  const std::string message = "a\r\nb\r\r\nc\rd\r\n\r\n";
  for (std::size_t size = 1; size <= message.size(); ++size) {
    LocalForm form;
    std::string out;
    for (std::size_t at = 0; at < message.size(); at += size) out += form.take(message.substr(at, size));
    CHECK(out + form.end() == "a\nb\r\nc\rd\n\n");
  }
}

TEST_CASE("lines of an mbox that look like the first of a message, whatever the pieces") {
  const std::string message = "From x\n>From y\n>>>From z\nFrom\nFro From \n F From a\n>x\n\nFrom ";
  const std::string wanted = ">From x\n>>From y\n>>>>From z\nFrom\nFro From \n F From a\n>x\n\n>From ";
  for (std::size_t size = 1; size <= message.size(); ++size) {
    FromQuoter quoter;
    std::string out;
    for (std::size_t at = 0; at < message.size(); at += size) out += quoter.take(message.substr(at, size));
    CHECK(out + quoter.end() == wanted);
  }
  FromQuoter quoter;
  CHECK(quoter.take("a\nFro") == "a\n");
  CHECK(quoter.end() == "Fro");
}
