#include "common/spool/records.h"

#include <catch2/catch.hpp>

using namespace waxwing::spool;

TEST_CASE("an index of tags answers as the records do") {
  Records records;
  records.add(Tag::sender, "a@example.test").add(Tag::sender, "second").add(Tag::queue_id, "");
  records.add_number(Tag::priority, 2)
      .add(Tag::mt_priority, "short")
      .add(static_cast<Tag>(0x7777), "unknown");
  records.add(Tag::recipient, "one")
      .add(static_cast<Tag>(0x0120), "beyond the page")
      .add(Tag::recipient, "two");
  const auto index = TagIndex::of(records.encode());
  REQUIRE(index);
  for (unsigned tag = 1; tag < 0x400; ++tag) {
    if (tag == static_cast<unsigned>(Tag::recipient) || (tag & 0xffU) >= 32) continue;
    INFO(tag);
    const auto each = static_cast<Tag>(tag);
    CHECK(index->has(each) == records.find(each).has_value());
    CHECK(index->text(each) == records.text(each));
    CHECK(index->number(each, 7) == records.number(each, 7));
  }
  CHECK_FALSE(index->has(static_cast<Tag>(0x7777)));
  CHECK_FALSE(index->has(static_cast<Tag>(0x0120)));
  CHECK(index->recipients() == records.all(Tag::recipient));
}

TEST_CASE("an index of what is cut short says where") {
  const auto whole = Records().add(Tag::sender, "a@example.test").add_number(Tag::priority, 2).encode();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = whole.substr(0, size);
    CHECK(TagIndex::of(cut).has_value() == Records::decode(cut).has_value());
  }
}
