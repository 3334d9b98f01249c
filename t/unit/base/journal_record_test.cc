#include "common/base/journal_record.h"

#include <catch2/catch.hpp>

using namespace waxwing::durable;

TEST_CASE("a content record holds exactly its bytes, whatever room the buffer has") {
  for (const std::size_t room : {0, 1, 40, 100, 5000})
    for (const std::size_t size : {0, 1, 7, 12, 100, 4096}) {
      CAPTURE(room, size);
      std::string out;
      out.reserve(room);
      const std::string bytes(size, 'x');
      encode_content(out, "queue/a/000/ZZ1.00", bytes);
      CHECK(record_bytes(out) == out.size());
      seal_records(out.data(), out.size(), 4096, 77);
      const auto record = decode_record(out, 4096, 77);
      REQUIRE(record);
      CHECK(record->path == "queue/a/000/ZZ1.00");
      CHECK(record->bytes == bytes);
    }
}
