// What each keyword makes of a message, by a whole configuration: keywords in, bytes out.
#include "mta/form/form.h"

#include <catch2/catch.hpp>

#include "common/base/strings.h"
#include "common/mail/mime.h"
#include "common/mail/transfer_coding.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {

struct Site {
  std::string source, destination;  // keywords
  std::string mappings, headers, read_headers;
  std::vector<std::string> recipients = {"r@x.test", "s@y.test"};
  form::RewriteHeader rewrite;
  std::string options;

  std::vector<std::string> all(const std::string& message) const {
    SourceSet sources;
    sources.set_symbol("IMTA_HOST", "mail.example.test");
    sources.set_symbol("IMTA_DEFAULTDOMAIN", "example.test");
    sources.set_file("imta.cnf", ". $U%$H@to-daemon\n\nl\nmail.example.test\n\nfrom " + source +
                                     "\nfrom-daemon\n\nto " + destination + "\nto-daemon\n");
    sources.set_file("mappings", mappings);
    sources.set_file("option.dat", options);
    sources.set_file("to_headers.opt", headers);
    sources.set_file("from_read_headers.opt", read_headers);
    const auto config = MtaConfig::parse(sources);
    INFO((config ? std::string() : config.error().text));
    REQUIRE(config);
    const auto form = form::form_of(**config, (*config)->channel("from"), *(*config)->channel("to"));
    const Lookup lookup{**config, nullptr, directory::Ask::may_block};
    CHECK(form.plain() == (source.empty() && destination.empty()));
    const auto shaped = form::shape(lookup, form, message, {recipients, rewrite});
    REQUIRE(shaped);
    CHECK(form.header.trim == form::form_of(**config, nullptr, *(*config)->channel("to")).header.trim);
    std::vector<std::string> made;
    for (std::size_t i = 0; i < shaped->count(); ++i)
      made.push_back(shaped->head(i) + std::string(shaped->text(i)));
    return made;
  }
  std::string operator()(const std::string& message) const {
    const auto made = all(message);
    REQUIRE(made.size() == 1);
    return made[0];
  }
};

struct Case {
  std::string source, destination;
  std::string before, after;  // header
};

}  // namespace

TEST_CASE("keywords and the header of a message") {
  const Case cases[] = {
      {"", "personalomit", "From: \"Joe, J.\" <joe@a.test>, Ann <ann@a.test>\r\n",
       "From: <joe@a.test>, <ann@a.test>\r\n"},
      {"", "personalstrip", "To: \"J. (x) User\" <joe@a.test>\r\n", "To: J x User <joe@a.test>\r\n"},
      {"sourcepersonalomit", "", "To: Joe <joe@a.test>\r\nSubject: Joe <x>\r\n",
       "To: <joe@a.test>\r\nSubject: Joe <x>\r\n"},
      {"sourcepersonalstrip", "", "To: \"A,B\" <joe@a.test>\r\n", "To: AB <joe@a.test>\r\n"},
      {"", "commentomit", "To: joe@a.test (Joe (nested)), ann@a.test\r\n", "To: joe@a.test , ann@a.test\r\n"},
      {"", "commentstrip", "To: joe@a.test (J.O,E)\r\n", "To: joe@a.test (JOE)\r\n"},
      {"sourcecommentomit", "", "Cc: (x) joe@a.test\r\n", "Cc:  joe@a.test\r\n"},
      {"sourcecommentstrip", "", "Cc: joe@a.test (a:b)\r\n", "Cc: joe@a.test (ab)\r\n"},
      {"", "commenttotal", "Date: Sun, 22 Nov 2026 10:00:00 +0000 (UTC)\r\nReceived: (x) by y\r\n",
       "Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nReceived: (x) by y\r\n"},
      {"sourcecommenttotal", "", "Message-ID: <a@b> (c)\r\nSubject: (c)\r\n",
       "Message-ID: <a@b>\r\nSubject: (c)\r\n"},
      {"", "header_733", "To: <@a.test,@b.test:u@d.test>, v@e.test\r\n",
       "To: <u%d.test%b.test@a.test>, v@e.test\r\n"},
      {"", "header_uucp", "To: <@a.test:u@d.test>, v@e.test\r\n", "To: <a.test!d.test!u>, e.test!v\r\n"},
      {"", "dayofweek", "Date: 22 Nov 2026 10:00:00 +0100\r\nResent-Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n",
       "Date: Sun, 22 Nov 2026 10:00:00 +0100\r\nResent-Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n"},
      {"dropblank", "", "To: a@b.test\r\nCc: \r\nSubject: \r\n", "To: a@b.test\r\nSubject: \r\n"},
      {"", "maxheaderaddrs 2", "To: a@x, b@x, G: c@x, d@x;, e@x\r\n",
       "To: a@x,\r\n b@x\r\nTo: G: c@x, d@x;,\r\n e@x\r\n"},
      {"", "maxheaderaddrs 5", "To: a@x,\r\n\tb@x\r\n", "To: a@x,\r\n\tb@x\r\n"},
      {"", "maxheaderchars 12", "To: a@x, b@x, c@x\r\n", "To: a@x,\r\n b@x\r\nTo: c@x\r\n"},
      {"", "headerlinelength 20", "Subject: one two three four\r\n", "Subject: one two\r\n three four\r\n"},
      {"", "headerlabelalign 10", "To: a@x\r\nSubject:   b\r\n", "To:       a@x\r\nSubject:  b\r\n"},
      {"", "x_env_to", "To: a@x\r\n", "To: a@x\r\nX-Envelope-to: r@x.test, s@y.test\r\n"},
      {"", "x_env_to addlineaddrs 1", "To: a@x\r\n",
       "To: a@x\r\nX-Envelope-to: r@x.test\r\nX-Envelope-to: s@y.test\r\n"},
      {"language de", "", "Subject: =?utf-8?q?x?= =?utf-8*fr?q?y?= =?no word\r\n",
       "Subject: =?utf-8*de?q?x?= =?utf-8*fr?q?y?= =?no word\r\n"},
      {"", "deletemessagehash", "Message-Hash: sha256:00\r\nTo: a@x\r\n", "To: a@x\r\n"},
      {"", "", "Message-Hash: sha256:00\r\nCc:\r\n", "Message-Hash: sha256:00\r\nCc:\r\n"},
  };
  for (const auto& each : cases) {
    INFO(each.source << " | " << each.destination << " | " << each.before);
    Site site{each.source, each.destination};
    CHECK(site(each.before + "\r\nbody\r\n") == each.after + "\r\nbody\r\n");
  }
}

TEST_CASE("Message-Hash: stays, generatemessagehash puts a hash that knows the message again") {
  Site keep{"", ""};
  CHECK(keep("Message-Hash: x\r\n\r\n").starts_with("Message-Hash: x"));
  Site site{"", "generatemessagehash"};
  const auto one = site("Message-Hash: old\r\nReceived: a\r\nSubject: s\r\n\r\nbody\r\n");
  const auto two = site("Received: b\r\nSubject: s\r\n\r\nbody\r\n");
  const auto other = site("Subject: s\r\n\r\nbodies\r\n");
  const auto hash = [](const std::string& text) {
    return text.substr(text.find("Message-Hash: sha256:"), 60);
  };
  CHECK(one.find("old") == one.npos);
  CHECK(hash(one) == hash(two));
  CHECK(hash(one) != hash(other));
}

TEST_CASE("personalmap and commentmap ask their tables") {
  const std::string tables =
      "PERSONAL_NAMES\n\n  Joe$ *  $Y$0,$ Joe\n\nCOMMENT_STRINGS\n\n  (secret*)  $Y()\n  (odd)  $Y)(\n";
  Site to{"", "personalmap commentmap", tables};
  CHECK(to("To: \"Joe User\" <j@x> (secret 1), Ann <a@x> (odd)\r\n\r\n") ==
        "To: \"User, Joe\" <j@x> (), Ann <a@x> (odd)\r\n\r\n");
  Site from{"sourcepersonalmap sourcecommentmap", "", tables};
  CHECK(from("To: Joe User <j@x> (secret)\r\n\r\n") == "To: \"User, Joe\" <j@x> ()\r\n\r\n");
  Site without{"", "personalmap commentmap"};
  CHECK(without("To: Joe <j@x> (c)\r\n\r\n") == "To: Joe <j@x> (c)\r\n\r\n");
}

TEST_CASE("header option files") {
  Site site{"", "headertrim"};
  site.headers =
      "! comment\nReceived: MAXIMUM=-1\nX-Twice: MAXIMUM=1\nX-Old: RELABEL=\"X-New\"\nX-Long: MAXCHARS=20\n"
      "Organization: FILL=\"Example\"\nX-Site: ADD=\"a, b\"\n";
  CHECK(site("Received: a\r\nX-Twice: 1\r\nX-Twice: 2\r\nX-Old: o\r\nX-Long: 123456789012345\r\n\r\nb\r\n") ==
        "X-Twice: 1\r\nX-New: o\r\norganization: Example\r\nx-site: a, b\r\n\r\nb\r\n");
  Site read{"headerread", ""};
  read.read_headers = "Defaults: MAXLINES=1\nTo: MAXLINES=9\n";
  CHECK(read("To: a,\r\n b\r\nX: a\r\n b\r\n\r\n") == "To: a,\r\n b\r\n\r\n");
  Site inner{"", "innertrim"};
  inner.headers = "X-Secret: MAXIMUM=-1\n";
  CHECK(inner("X-Secret: o\r\nContent-Type: message/rfc822\r\n\r\nX-Secret: i\r\nSubject: s\r\n\r\nb\r\n") ==
        "X-Secret: o\r\nContent-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\nb\r\n");
}

TEST_CASE("a header option file that is wrong or missing is an error that tells where") {
  std::vector<std::string> errors;
  parse_header_options("To: MAXIMUM=x\nno colon\nTo: BOGUS=1\nTo: ADD=\"open\nTo: RELABEL=a b\n", "f",
                       errors);
  REQUIRE(errors.size() == 5);
  for (std::size_t i = 0; i < errors.size(); ++i)
    CHECK(errors[i].starts_with("f:" + std::to_string(i + 1) + ": "));
  SourceSet sources;
  sources.set_file("imta.cnf", ". $U%$H@a-daemon\n\nl\nx.test\n\na headertrim\na-daemon\n");
  const auto config = MtaConfig::parse(sources);
  REQUIRE(!config);
  CHECK(config.error().text.find("needs the file config/a_headers.opt") != std::string::npos);
}

TEST_CASE("inner: addresses of inner messages are rewritten, but not under a signature") {
  Site site{"", "inner"};
  site.rewrite = [](std::string_view header) -> Result<std::string> {
    return replace_all(std::string(header), "old.test", "new.test");
  };
  CHECK(site("To: a@old.test\r\nContent-Type: message/rfc822\r\n\r\nTo: b@old.test\r\n\r\nc@old.test\r\n") ==
        "To: a@old.test\r\nContent-Type: message/rfc822\r\n\r\nTo: b@new.test\r\n\r\nc@old.test\r\n");
  const std::string sealed =
      "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
      "To: b@old.test\r\n\r\nx\r\n--b--\r\n";
  CHECK(site(sealed) == sealed);
}

TEST_CASE("charsets of text without a label") {
  Site site{"charset7 us-ascii charset8 iso-8859-1 charsetesc iso-2022-jp", ""};
  const auto type_for = [&](const std::string& body) {
    const auto made = site("Subject: s\r\n\r\n" + body);
    CHECK(made.find("MIME-Version: 1.0\r\n") != made.npos);
    const auto at = made.find("Content-Type: ");
    return made.substr(at, made.find("\r\n", at) - at);
  };
  CHECK(type_for("plain\r\n") == "Content-Type: text/plain; charset=us-ascii");
  CHECK(type_for("gr\xfcn\r\n") == "Content-Type: text/plain; charset=iso-8859-1");
  CHECK(type_for("\x1b$B\r\n") == "Content-Type: text/plain; charset=iso-2022-jp");
  const std::string labelled = "Content-Type: text/plain; charset=utf-8\r\n\r\nx\r\n";
  CHECK(site(labelled) == labelled);
}

TEST_CASE("long lines are wrapped, cut, or encoded") {
  const std::string words = std::string(990, 'a') + " " + std::string(500, 'b') + "\r\n";
  const std::string head = "Subject: s\r\n\r\n";
  CHECK(Site{"wrapsmtplonglines", ""}(head + words) ==
        head + std::string(990, 'a') + " \r\n" + std::string(500, 'b') + "\r\n");
  CHECK(Site{"truncatesmtplonglines", ""}(head + words + "next\r\n") ==
        head + std::string(990, 'a') + " \r\nnext\r\n");
  const auto whole = Site{"wrapsmtplonglines", ""}(head + std::string(2500, 'x') + "\r\n");
  for (const auto line : split(whole, '\n')) CHECK(line.size() <= 999);
  CHECK(replace_all(whole, "\r\n", "").find(std::string(2500, 'x')) != whole.npos);
  const auto long_header = Site{"wrapsmtplonglines", ""}("X: " + std::string(1500, 'x') + "\r\n\r\nb\r\n");
  CHECK(long_header.find("\r\n x") != long_header.npos);

  const auto encoded = Site{"", "linelength 80"}(head + std::string(200, 'y') + "\r\n");
  CHECK(encoded.find("Content-Transfer-Encoding: quoted-printable") != encoded.npos);
  const auto mime = mail::parse_mime(encoded);
  CHECK(mail::decoded_part(mime, mime.root()).bytes == std::string(200, 'y') + "\r\n");
  CHECK(Site{"", "linelength 80"}(head + "short\r\n") == head + "short\r\n");
}

TEST_CASE("thurman: uuencoded files become parts") {
  Site site{"thurman", ""};
  const auto made =
      site("Subject: s\r\n\r\nlook\r\nbegin 644 a b.txt\r\n#0V%T\r\n`\r\nend\r\nbye\r\nbegin 1 no file\r\n");
  const auto mime = mail::parse_mime(made);
  REQUIRE(mime.parts.size() == 4);
  CHECK(mime.root().is("multipart", "mixed"));
  CHECK(mime.body_of(mime.parts[1]) == "look\r\n");
  CHECK(mail::decoded_part(mime, mime.parts[2]).bytes == "Cat");
  CHECK(mime.header_of(mime.parts[2]).find("filename=\"a b.txt\"") != std::string_view::npos);
  CHECK(mime.body_of(mime.parts[3]).starts_with("bye\r\nbegin 1 no file"));
  const std::string broken = "Subject: s\r\n\r\nbegin 644 a\r\n#0V%T\r\nnever ends\r\n";
  CHECK(site(broken) == broken);
}

TEST_CASE("types and parameters of parts") {
  CHECK(Site{"convert_octet_stream", ""}("Content-Type: application/octet-stream; name=x.PDF\r\n\r\nb\r\n") ==
        "Content-Type: application/pdf; name=x.PDF\r\n\r\nb\r\n");
  const std::string unknown = "Content-Type: application/octet-stream; name=x.what\r\n\r\nb\r\n";
  CHECK(Site{"convert_octet_stream", ""}(unknown) == unknown);
  const std::string parameters = "Content-Type: text/plain; name=abcdefgh; other=abcdefgh\r\n\r\nb\r\n";
  CHECK(Site{"", "nameparameterlengthlimit 3"}(parameters) ==
        "Content-Type: text/plain; name=abc; other=abcdefgh\r\n\r\nb\r\n");
  CHECK(Site{"", "parameterlengthlimit 5"}(parameters) ==
        "Content-Type: text/plain; name=abcde; other=abcde\r\n\r\nb\r\n");
  CHECK(Site{"", "namelengthlimit 4"}(parameters) ==
        "Content-Type: text/plain; name=abcdefgh; othe=abcdefgh\r\n\r\nb\r\n");
}

TEST_CASE("encodings of containers are taken off where that is asked for") {
  const auto inner = std::string("--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n");
  const auto multipart =
      "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
      mail::encode_base64_lines(inner);
  CHECK(Site{"interpretmultipartencoding", ""}(multipart).ends_with("\r\n\r\n" + inner));
  const auto message = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
                       mail::encode_base64_lines("Subject: s\r\n\r\nx\r\n");
  CHECK(Site{"interpretmessageencoding", ""}(message).ends_with("\r\n\r\nSubject: s\r\n\r\nx\r\n"));
  CHECK(Site{"interpretmessageencoding", ""}(multipart) == multipart);
}

TEST_CASE("large messages become message/partial, and are themselves again when put together") {
  std::string body;
  for (int i = 0; i < 100; ++i) body += "line " + std::to_string(i) + " " + std::string(60, 'x') + "\r\n";
  const std::string header = "Received: r\r\nSubject: s\r\nMessage-ID: <m@x>\r\nTo: a@x\r\n\r\n";
  for (const auto* keywords : {"maxblocks 2", "maxlines 30"}) {
    const auto made = Site{"", keywords}.all(header + body);
    REQUIRE(made.size() > 2);
    std::string whole;
    for (std::size_t i = 0; i < made.size(); ++i) {
      const auto mime = mail::parse_mime(made[i]);
      CHECK(mime.root().is("message", "partial"));
      CHECK(made[i].find("number=" + std::to_string(i + 1) + "; total=" + std::to_string(made.size())) !=
            std::string::npos);
      CHECK(mime.header.value("To") == "a@x");
      whole += mime.message.substr(mime.root().body_begin);
    }
    CHECK(whole == "Subject: s\r\nMessage-ID: <m@x>\r\n\r\n" + body);
  }
  CHECK(Site{"", "maxlines 300"}(header + body) == header + body);
}

TEST_CASE("the header of a piece counts, up to the share that options give it") {
  std::string body;
  for (int i = 0; i < 100; ++i) body += "line " + std::to_string(i) + "\r\n";
  std::string header = "Subject: s\r\n";
  for (int i = 0; i < 8; ++i) header += "X-Field-" + std::to_string(i) + ": x\r\n";
  const auto longest = [&](const std::string& options, const std::string& fields) {
    std::size_t most = 0;
    Site site{"", "maxlines 40"};
    site.options = options;
    for (const auto& piece : site.all(fields + "\r\n" + body))
      most = std::max(most, static_cast<std::size_t>(std::ranges::count(piece, '\n')));
    return most;
  };
  CHECK(longest("", header) == 40);
  CHECK(longest("MAX_HEADER_LINE_USE=0\n", header) == 54);
  CHECK(longest("MAX_HEADER_LINE_USE=0.1\n", header) == 50);
  for (int i = 0; i < 40; ++i) header += "Y-Field-" + std::to_string(i) + ": y\r\n";
  CHECK(longest("", header) == 20 + 54);  // of 54 lines of header, half of the limit counts
}

TEST_CASE("parts deeper than MAX_MIME_LEVELS, and more than MAX_MIME_PARTS, stay as they are") {
  const auto part = [](const std::string& body) {
    return "--b\r\nContent-Type: application/octet-stream; name=x.png\r\n\r\n" + body + "\r\n";
  };
  const auto many = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + part("1") +
                    part("2") + part("3") + "--b--\r\n";
  const auto changed = [&](const char* options, const std::string& message) {
    Site site{"convert_octet_stream", ""};
    site.options = options;
    const auto text = site(message);
    std::size_t count = 0;
    for (auto at = text.find("image/png"); at != text.npos; at = text.find("image/png", at + 1)) ++count;
    return count;
  };
  CHECK(changed("", many) == 3);
  CHECK(changed("MAX_MIME_PARTS=3\n", many) < 3);
  CHECK(changed("MAX_MIME_LEVELS=1\n", many) == 3);
  const auto deep =
      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n" +
      part("1") + "--b--\r\n\r\n--a--\r\n";
  CHECK(changed("", deep) == 1);
  CHECK(changed("MAX_MIME_LEVELS=1\n", deep) == 0);
}

// Whatever comes in, the cost is bounded and nothing crashes.
TEST_CASE("hostile headers and bodies") {
  Site site{
      "thurman charset8 utf-8 wrapsmtplonglines interpretmultipartencoding interpretmessageencoding "
      "convert_octet_stream sourcepersonalstrip sourcecommentstrip dropblank language de",
      "personalomit commentomit commenttotal header_uucp maxheaderaddrs 3 headerlinelength 40 dayofweek "
      "linelength 80 inner namelengthlimit 10 parameterlengthlimit 10"};
  site.rewrite = [](std::string_view header) -> Result<std::string> { return std::string(header); };
  const std::string seeds[] = {
      "To: " + std::string(5000, '(') + "\r\n\r\nx\r\n", "To: \"" + std::string(5000, '<') + "\r\n\r\nx\r\n",
      "To: a@[" + std::string(3000, '\\') + "\r\n\r\nx\r\n", std::string(2000, ':') + "\r\n\r\n",
      "Subject: =?" + std::string(2000, '?') + "\r\n\r\nbegin 644 x\r\n" + std::string(3000, ' ') +
          "\r\nend\r\n"};
  unsigned state = 3;
  const auto random = [&] { return state = state * 1103515245 + 12345, state >> 8; };
  for (const auto& seed : seeds)
    for (int round = 0; round < 20; ++round) {
      auto text = seed;
      for (int i = 0; i < 8; ++i) text[random() % text.size()] = static_cast<char>(random());
      for (const auto& message : site.all(text)) CHECK(message.size() < 40 * text.size() + 4000);
    }
}
