#include <fcntl.h>
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "channels/defragment/gathering.h"
#include "channels/defragment/whole_message.h"
#include "mta/form/fragments.h"
#include "mta/queue/detour.h"
#include "t/unit/queue/scratch.h"

using namespace waxwing;
using namespace waxwing::channels;
using mta::queue::FileName;

namespace {

Result<Piece> piece_of(const std::string& type, const std::string& more = "") {
  return parse_piece("Subject: x\r\nContent-Type: " + type + "\r\n" + more + "\r\n");
}

FileName file(const std::string& id) {
  return *FileName::parse("defragment/000/ZZ" + id + ".00");
}

Piece piece(unsigned number, unsigned total) {
  return {"i", number, total};
}

}  // namespace

TEST_CASE("what is a piece of a message") {
  const auto good = piece_of("message/partial; id=\"a@b\"; number=2; total=3");
  REQUIRE(good);
  CHECK(good->id == "a@b");
  CHECK(good->number == 2);
  CHECK(good->total == 3);
  CHECK(piece_of("Message/Partial; number=1;\r\n id=x")->total == 0);
  for (const char* bad :
       {"text/plain", "message/partial", "message/partial; id=x", "message/partial; number=1; total=2",
        "message/partial; id=x; number=0", "message/partial; id=x; number=-1",
        "message/partial; id=x; number=1x", "message/partial; id=x; number=3; total=2",
        "message/partial; id=x; number=1; total=0", "message/partial; id=x; number=1; total=",
        "message/partial; id=x; number=99999999999; total=99999999999"}) {
    INFO(bad);
    CHECK_FALSE(piece_of(bad));
  }
  CHECK_FALSE(piece_of("message/partial; id=x; number=1", "Content-Transfer-Encoding: base64\r\n"));
  CHECK(piece_of("message/partial; id=x; number=1", "Content-Transfer-Encoding: 8bit\r\n"));
  CHECK_FALSE(piece_of("message/partial; number=1; id=" + std::string(2000, 'x')));
}

TEST_CASE("pieces belong together when id, sender and recipients are the same") {
  auto envelope = test::make_envelope("defragment", {"a@x.test", "b@x.test"});
  const auto key = set_key(piece(1, 2), envelope);
  CHECK(key.size() == 64);
  std::swap(envelope.recipients[0], envelope.recipients[1]);
  CHECK(set_key(piece(2, 0), envelope) == key);
  envelope.recipients[0].flags = "to=other host=h";
  CHECK(set_key(piece(1, 2), envelope) != key);
  envelope = test::make_envelope("defragment", {"a@x.test", "b@x.test"});
  envelope.sender = "else@x.test";
  CHECK(set_key(piece(1, 2), envelope) != key);
}

TEST_CASE("a message is whole when all its numbers are there, in any order") {
  Gathering gathering({});
  PieceSet* set = nullptr;
  CHECK(gathering.add("k", piece(3, 3), file("C"), 30, set) == Gathering::Added::waits);
  CHECK(gathering.add("k", piece(1, 0), file("A"), 10, set) == Gathering::Added::waits);
  CHECK_FALSE(set->whole());
  CHECK(gathering.add("k", piece(1, 0), file("A"), 10, set) == Gathering::Added::waits);
  CHECK(gathering.add("k", piece(2, 0), file("B"), 20, set) == Gathering::Added::waits);
  CHECK(set->whole());
  CHECK(set->first_arrival_ms == 10);
  CHECK(gathering.pieces() == 3);
  gathering.lose(*set, 2);
  CHECK_FALSE(set->whole());
  gathering.forget("k", file("A"));
  gathering.forget("k", file("C"));
  CHECK(gathering.sets() == 0);
  CHECK(gathering.pieces() == 0);
}

TEST_CASE("contradictory pieces give their message up, too many are not waited for") {
  PieceSet* set = nullptr;
  {
    Gathering gathering({});
    gathering.add("k", piece(1, 3), file("A"), 0, set);
    gathering.add("k", piece(2, 4), file("B"), 0, set);
    CHECK(set->given_up == "one piece says that there are 3, another 4");
  }
  {
    Gathering gathering({});
    gathering.add("k", piece(5, 0), file("A"), 0, set);
    gathering.add("k", piece(1, 2), file("B"), 0, set);
    CHECK(set->given_up == "there is a piece 5 of 2");
    CHECK_FALSE(set->whole());
  }
  {
    Gathering gathering({});
    CHECK(gathering.add("k", piece(1, 2), file("A"), 0, set) == Gathering::Added::waits);
    CHECK(gathering.add("k", piece(1, 2), file("B"), 0, set) == Gathering::Added::copy);
    CHECK_FALSE(set->whole());
  }
  {
    Gathering gathering({.pieces = 3, .pieces_of_a_message = 2});
    CHECK(gathering.add("m", piece(1, 1'000'000), file("A"), 0, set) == Gathering::Added::refused);
    CHECK(gathering.add("m", piece(1'000'000, 0), file("A"), 0, set) == Gathering::Added::refused);
    CHECK(gathering.sets() == 0);
    for (unsigned i = 0; i < 3; ++i)
      CHECK(gathering.add("k" + std::to_string(i), piece(1, 2), file(std::to_string(i)), 0, set) ==
            Gathering::Added::waits);
    CHECK(gathering.is_full());
    CHECK(gathering.add("new", piece(1, 2), file("N"), 0, set) == Gathering::Added::refused);
    gathering.add("k0", piece(3, 0), file("M"), 0, set);
    CHECK_FALSE(set->given_up.empty());
  }
}

TEST_CASE("the header of the whole: RFC 2046 5.2.2.1") {
  CHECK(
      whole_header("Received: by a\r\nFrom: a@b\r\nSubject: piece 1\r\nMessage-ID: <1@a>\r\n"
                   "Content-Type: message/partial; id=x; number=1\r\nMIME-Version: 1.0\r\nTo: c@d\r\n"
                   "Disposition-Notification-To: piece@b\r\n",
                   "From: other@b\r\nX-Other: x\r\nSubject: the\r\n whole\r\nmessage-id: <w@a>\r\n"
                   "Content-Type: text/plain\r\nMIME-Version: 1.0\r\nDisposition-Notification-To: a@b\r\n") ==
      "Received: by a\r\nFrom: a@b\r\nTo: c@d\r\nSubject: the\r\n whole\r\nmessage-id: <w@a>\r\n"
      "Content-Type: text/plain\r\nMIME-Version: 1.0\r\nDisposition-Notification-To: a@b\r\n\r\n");
}

namespace {
std::vector<FileName> queue_pieces(test::ScratchQueue& scratch, const mta::form::Pieces& pieces) {
  std::vector<FileName> names;
  for (std::size_t i = 0; i < pieces.count(); ++i) {
    const auto text = "Received: by this piece's host\r\n" + pieces.head(i) + std::string(pieces.text(i));
    names.push_back(test::enqueue(scratch, {test::make_envelope("defragment", {"a@x.test"})}, text).front());
  }
  return names;
}

Result<std::string> read_whole(const mta::queue::Queue& queue, const std::vector<FileName>& names,
                               std::uint64_t most = 1 << 30) {
  TRY(auto whole, WholeMessage::open(queue, names, most));
  std::string text;
  for (;;) {
    TRY(const auto piece, whole.next());
    if (piece.empty()) break;
    text += piece;
  }
  CHECK(text.size() == whole.size_bytes());
  return text;
}
}  // namespace

TEST_CASE("what was cut is whole again, byte for byte") {
  std::string body;
  for (int i = 0; i < 20'000; ++i) body += fmt::format("line {} of the body\r\n", i);
  const std::string inner =
      "Subject: large\r\nMessage-ID: <w@x>\r\nDisposition-Notification-To: a@x.test\r\nMIME-Version: 1.0\r\n"
      "Content-Type: text/plain\r\n";
  const auto pieces = mta::form::Pieces::cut("From: a@x.test\r\n" + inner + "\r\n" + body,
                                             {.max_bytes = 50'000, .max_lines = 0}, "h.test");
  REQUIRE(pieces.count() > 5);
  test::ScratchQueue scratch;
  auto names = queue_pieces(scratch, pieces);
  CHECK(*read_whole(*scratch.queue, names) ==
        "Received: by this piece's host\r\nFrom: a@x.test\r\n" + inner + "\r\n" + body);
  const auto large = read_whole(*scratch.queue, names, 100'000);
  REQUIRE_FALSE(large);
  CHECK(large.error().fault == Fault::permanent);
  CHECK(*same_text(*scratch.queue, names[1], names[1]));
  CHECK_FALSE(*same_text(*scratch.queue, names[1], names[2]));
  REQUIRE(scratch.queue->remove(names[2]));
  CHECK_FALSE(read_whole(*scratch.queue, names));
}

TEST_CASE("pieces that are renamed while they are read are found by the name they have then") {
  const auto pieces =
      mta::form::Pieces::cut("From: a@x.test\r\nSubject: s\r\n\r\n" + std::string(900, 'x') + "\r\n" +
                                 std::string(900, 'y') + "\r\n" + std::string(900, 'z') + "\r\n",
                             {.max_bytes = 1200, .max_lines = 0}, "h.test");
  REQUIRE(pieces.count() > 2);
  test::ScratchQueue scratch;
  const auto names = queue_pieces(scratch, pieces);
  const auto text = *read_whole(*scratch.queue, names);
  REQUIRE(scratch.queue->rename_attempts(names[0], 1));
  auto whole = WholeMessage::open(*scratch.queue, names, 1 << 30);
  REQUIRE(whole);
  for (const auto& name : names) (void)scratch.queue->rename_attempts(name, 2);
  std::string read;
  for (;;) {
    const auto piece = whole->next();
    REQUIRE(piece);
    if (piece->empty()) break;
    read += *piece;
  }
  CHECK(read == text);
  CHECK(*same_text(*scratch.queue, names[1], names[1]));
  const auto now = mta::queue::FileName::parse("defragment/" + names[2].bucket + "/ZX" + names[2].id + "." +
                                               names[2].copy);
  REQUIRE(now);
  REQUIRE(scratch.queue->remove(*now));
  const auto without = WholeMessage::open(*scratch.queue, names, 1 << 30);
  REQUIRE_FALSE(without);
  CHECK(without.error().fault == Fault::temporary);  // it may be held only: no reason to give the others up
}

TEST_CASE("where a recipient goes on to stands in its flags") {
  const mta::queue::Detour detour{"tcp_local", "x.example.org", "tcp_auth", "a,b", true, true, true};
  CHECK(mta::queue::encode_detour(detour) ==
        "to=tcp_local host=x.example.org from=tcp_auth tag=a,b convert service novacation");
  CHECK(mta::queue::parse_detour(mta::queue::encode_detour(detour)) == detour);
  CHECK(mta::queue::parse_detour("to=c host=h")->tags.empty());
  CHECK_FALSE(mta::queue::parse_detour(""));
  CHECK_FALSE(mta::queue::parse_detour("to=c"));
  CHECK(mta::queue::encode_detour({"c", "h", "", "a b\n,c"}) == "to=c host=h tag=ab,c");
}
