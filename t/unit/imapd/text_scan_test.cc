#include "imapd/search/text_scan.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/base/file.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/mail/charset.h"

using namespace waxwing;
using namespace waxwing::imap;

namespace {

// A mailbox of one message.
class OneMessage final : public store::Mailbox {
 public:
  explicit OneMessage(std::string text) : text_(std::move(text)) {}
  Result<store::MessageBytes> open_message(const store::MessageInfo&) override {
    const auto path = "/tmp/waxwing-scan-" + unique_id();
    REQUIRE(replace_file(path, text_));
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    ::unlink(path.c_str());
    return store::MessageBytes(std::move(fd), text_.size());
  }
  store::MailboxEntry entry() const override { return {}; }
  store::Status status() const override { return {}; }
  std::vector<std::string> keywords() const override { return {}; }
  bool deleted() const override { return false; }
  Result<std::unique_ptr<store::View>> view(bool) override { return bug("none"); }
  Result<store::CachedMessage> cached(const store::MessageInfo&) override { return bug("none"); }
  std::optional<store::CachedMessage> cached_now(const store::MessageInfo&) override { return {}; }
  Result<store::Draft> begin_append(std::uint64_t, store::QuotaLimit) override { return bug("none"); }
  Result<store::Appended> append(std::vector<store::Draft>, store::QuotaLimit) override {
    return bug("none");
  }
  Result<store::Appended> append_bytes(std::string_view, std::uint32_t, std::optional<std::int64_t>,
                                       store::QuotaLimit) override {
    return bug("none");
  }
  Result<store::FlagResult> store_flags(const store::UidSet&, const store::FlagChange&) override {
    return bug("none");
  }
  Result<store::UidSet> expunge(const store::UidSet&, bool) override { return bug("none"); }
  Result<store::Copied> copy(const store::UidSet&, Mailbox&, store::QuotaLimit) override {
    return bug("none");
  }
  Result<store::Copied> move(const store::UidSet&, Mailbox&, store::QuotaLimit) override {
    return bug("none");
  }
  std::optional<store::UidSet> expunged_since(std::uint64_t) override { return {}; }

 private:
  std::string text_;
};

struct Outcome {
  std::string found;  // "yn" for each needle
  int steps = 0;
};

Outcome scanned(const std::string& text, std::vector<TextNeedle> needles,
                std::size_t max_part_bytes = 16 << 20) {
  OneMessage mailbox(text);
  for (auto& needle : needles) needle.text = mail::fold_for_search(needle.text);
  auto scan = TextScan::open(mailbox, {}, needles, max_part_bytes);
  REQUIRE(scan);
  Outcome outcome;
  while (!(*scan)->done()) {
    (*scan)->step(0);  // one piece
    REQUIRE(++outcome.steps < 100'000);
  }
  for (std::size_t n = 0; n < needles.size(); ++n) outcome.found += (*scan)->found(n) ? 'y' : 'n';
  return outcome;
}

}  // namespace

TEST_CASE("needles in header, text parts and nested messages") {
  const std::string text =
      "Subject: =?utf-8?q?Stra=C3=9Fe?=\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n"
      "--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: "
      "quoted-printable\r\n\r\n"
      "Gr=FC=DFe aus K=\r\n=F6ln\r\n"
      "--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
      to_base64("<p>inner HTML</p>") +
      "\r\n--b\r\nContent-Type: application/octet-stream\r\nX-Part: label\r\n\r\nbinary words\r\n"
      "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: nested one\r\n\r\nnested body\r\n--b--\r\n";
  const auto find = [&](const char* word, bool with_header) {
    return scanned(text, {{word, with_header}}).found;
  };
  for (const char* word :
       {"gr\xC3\xBC\xC3\x9F"
        "e",
        "AUS K\xC3\x96LN", "inner html", "nested one", "NESTED BODY", "label", "x-part: "}) {
    CAPTURE(word);
    CHECK(find(word, false) == "y");
    CHECK(find(word, true) == "y");
  }
  CHECK(find("strasse", true) == "y");
  CHECK(find("strasse", false) == "n");
  for (const char* word : {"binary words", "preamble", "=FC", "nowhere"}) {
    CAPTURE(word);
    CHECK(find(word, true) == "n");
  }
  CHECK(scanned(text, {{"strasse", true}, {"", false}, {"nothing", true}, {"nested body", false}}).found ==
        "yyny");
}

TEST_CASE("a large message is read piece by piece, and nothing falls between pieces") {
  std::string body, encoded;
  for (int line = 0; body.size() < 3'000'000; ++line) body += "line " + std::to_string(line) + " of many\r\n";
  const auto count = std::to_string(std::count(body.begin(), body.end(), '\n') - 1);
  const std::string head = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ";
  for (const auto& text : {head + "8bit\r\n\r\n" + body, head + "base64\r\n\r\n" + to_base64(body)}) {
    std::vector<TextNeedle> needles{{"line " + count + " of many", false}, {"line x", false}};
    // Over many line ends, so over the ends of pieces too.
    for (int line = 0; line < 80'000; line += 400)
      needles.push_back(
          {"line " + std::to_string(line) + " of many\r\nline " + std::to_string(line + 1), false});
    const auto outcome = scanned(text, needles);
    CHECK(outcome.found == "yn" + std::string(needles.size() - 2, 'y'));
    CHECK(outcome.steps > 20);
  }
}

TEST_CASE("a line without an end, and characters of several bytes at every cut") {
  std::string body;
  while (body.size() < 2'500'000) body += "\xC3\xA4\xE2\x82\xAC";
  const std::string head =
      "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
  CHECK(scanned(head + body + "end", {{"\xE2\x82\xAC"
                                       "end",
                                       false}})
            .found == "y");
  std::string lines;
  for (int n = 0; lines.size() < 600'000; ++n) lines += "\xC3\xA4\xE2\x82\xAC" + std::to_string(n) + "\n";
  CHECK(scanned(head + lines, {{"\xC3\xA4\xE2\x82\xAC"
                                "50000\n\xC3\xA4\xE2\x82\xAC"
                                "50001",
                                false},
                               {"\xEF\xBF\xBD", false}})
            .found == "yn");
}

TEST_CASE("only so much of a part is looked at") {
  const auto text = "Content-Type: text/plain\r\n\r\n" + std::string(500'000, 'x') + " late";
  CHECK(scanned(text, {{"late", false}}).found == "y");
  CHECK(scanned(text, {{"late", false}}, 400'000).found == "n");
  CHECK(scanned(text, {{"late", false}}, 100).found == "n");
}

TEST_CASE("a scan ends with the last needle") {
  const auto text = "Content-Type: text/plain\r\n\r\nearly " + std::string(5'000'000, 'x');
  CHECK(scanned(text, {{"early", false}, {"earl", false}}).steps < 20);
  CHECK(scanned(text, {{"", false}}).steps == 0);
}
