#include "mta/mail_log/format.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <ctime>

using namespace waxwing;
using namespace waxwing::mta;
using namespace waxwing::mta::mail_log;

namespace {

std::shared_ptr<const MtaConfig> config_with(const std::string& options) {
  SourceSet sources;
  sources.set_symbol("IMTA_HOST", "mx.example.com");
  sources.set_symbol("IMTA_DEFAULTDOMAIN", "example.com");
  sources.set_file("imta.cnf", "mx.example.com $U%$D@mx.example.com\n\nl nosmtp\nmx.example.com\n");
  sources.set_file("option.dat", options);
  auto config = MtaConfig::parse(std::move(sources));
  if (!config) FAIL(config.error().text);
  return *config;
}

// 2007-02-16 14:54:13.72 UTC
constexpr std::int64_t kWhenMs = 1171637653720;

std::string line(const std::string& options, const Entry& entry, const char* header_choice = "") {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  return format_entry(*config_with(options), HeaderChoice::parse(header_choice), entry,
                      {kWhenMs, "78f.4.686597"});
}

Entry enqueued() {
  Entry entry;
  entry.action = 'E';
  entry.modifiers.esmtp = true;
  entry.source_channel = "tcp_local";
  entry.destination_channel = "ims-ms";
  entry.size_bytes = 700;
  entry.sender = "adam@sesta.com";
  entry.original = "rfc822;marlowe@siroe.com";
  entry.address = "marlowe@ims-ms-daemon";
  return entry;
}

Entry dequeued() {
  auto entry = enqueued();
  entry.action = 'D';
  entry.source_channel = "tcp_local";
  entry.destination_channel = "";
  entry.remote = "thor.siroe.com";
  entry.transport = "TCP|206.184.139.12|2788|192.160.253.66|25";
  entry.application = "thor.siroe.com ESMTP";
  entry.diagnostic = "2.1.5 250 marlowe@siroe.com OK";
  return entry;
}

}  // namespace

TEST_CASE("the documented lines") {
  CHECK(line("LOG_CONNECTION=0", enqueued()) ==
        "16-Feb-2007 14:54:13.72 tcp_local ims-ms EE 1 adam@sesta.com rfc822;marlowe@siroe.com "
        "marlowe@ims-ms-daemon\n");
  CHECK(line("", dequeued())
            .find("dns;thor.siroe.com (TCP|206.184.139.12|2788|192.160.253.66|25) "
                  "(thor.siroe.com ESMTP) smtp;250 2.1.5 marlowe@siroe.com OK\n") != std::string::npos);

  auto twice = dequeued();
  twice.diagnostic = "2.1.5 250 2.1.5 OK";
  CHECK(line("", twice).ends_with(" smtp;250 2.1.5 OK\n"));

  Entry opened;
  opened.kind = Entry::Kind::connection;
  opened.action = 'O';
  opened.source_channel = "tcp_local";
  opened.transport = "TCP|206.184.139.12|25|192.160.253.66|1244";
  opened.application = "SMTP";
  CHECK(line("", opened) ==
        "16-Feb-2007 14:54:13.72 tcp_local + O TCP|206.184.139.12|25|192.160.253.66|1244 SMTP\n");
  opened.action = 'T';
  opened.source_channel = "";
  opened.application = "";
  opened.diagnostic = "571 http://www.example.org/bl?ip=5.6.7.8";
  CHECK(line("LOG_PROCESS=1", opened) ==
        "16-Feb-2007 14:54:13.72 78f.4.686597 ** + T TCP|206.184.139.12|25|192.160.253.66|1244 571 "
        "http://www.example.org/bl?ip=5.6.7.8\n");
}

TEST_CASE("each option of the log adds its field") {
  auto entry = enqueued();
  entry.intermediate = "middle@siroe.com";
  entry.notify = "SUCCESS,FAILURE";
  entry.file = "ims-ms/000/ZZ01.00";
  entry.envelope_id = "env-7";
  entry.message_id = "<m@sesta.com>";
  entry.user = "joe";
  entry.priority = "urgent";
  entry.sensitivity = "private";
  entry.queue_time_s = 12;
  entry.filter = "held by MAIL_ACCESS";
  entry.reason = "too many";
  entry.system = "sesta.com ([192.0.2.1])";
  entry.diagnostic = "2.0.0 fine";
  const struct {
    const char *option, *attribute, *value;
  } rows[] = {
      {"LOG_NODE", "no", "mx.example.com"},
      {"LOG_PROCESS", "pi", "78f.4.686597"},
      {"LOG_INTERMEDIATE", "in", "middle@siroe.com"},
      {"LOG_NOTARY", "rf", "SUCCESS,FAILURE"},
      {"LOG_FILENAME", "fi", "/queue/ims-ms/000/ZZ01.00"},
      {"LOG_ENVELOPE_ID", "ei", "env-7"},
      {"LOG_USERNAME", "us", "joe"},
      {"LOG_PRIORITY", "pr", "urgent"},
      {"LOG_SENSITIVITY", "se", "private"},
      {"LOG_QUEUE_TIME", "qt", "12"},
      {"LOG_FILTER", "fl", "held by MAIL_ACCESS"},
      {"LOG_REASON", "re", "too many"},
      {"LOG_CONNECTION", "ss", "sesta.com ([192.0.2.1])"},
      {"LOG_DIAGNOSTICS", "di", "2.0.0 fine"},
  };
  const std::string none = "LOG_CONNECTION=0\nLOG_DIAGNOSTICS=0\n";
  for (const auto& row : rows) {
    INFO(row.option);
    CHECK(line(none, entry).find(row.value) == std::string::npos);
    const auto one = none + row.option + "=1\n";
    CHECK(line(one, entry).find(row.value) != std::string::npos);
    CHECK(line(one + "LOG_FORMAT=4\n", entry)
              .find(std::string(" ") + row.attribute + "=\"" + row.value + "\"") != std::string::npos);
    CHECK(line(one + "LOG_FORMAT=5\n", entry)
              .find(std::string(",\"") + row.attribute + "\":\"" + row.value + "\"") != std::string::npos);
  }
  CHECK(line(none + "LOG_MESSAGE_ID=1\nLOG_FORMAT=4", entry).find("mi=\"&lt;m@sesta.com&gt;\"") !=
        std::string::npos);
  entry.address = "marlowe";
  CHECK(line("LOG_LOCAL=1", entry).find(" marlowe@mx.example.com") != std::string::npos);
}

TEST_CASE("the null sender by format") {
  auto entry = enqueued();
  entry.sender = "";
  CHECK(line("LOG_FORMAT=1", entry).find(" EE 1  rfc822") != std::string::npos);
  CHECK(line("LOG_FORMAT=2", entry).find(" EE 1 <> rfc822") != std::string::npos);
  CHECK(line("LOG_FORMAT=3", entry).find(" EE 1 0: 24:rfc822;marlowe@siroe.com 21:marlowe@ims-ms-daemon") !=
        std::string::npos);
  CHECK(line("LOG_FORMAT=4", entry) ==
        "<en ts=\"2007-02-16T14:54:13.72+00:00\" sc=\"tcp_local\" dc=\"ims-ms\" ac=\"EE\" sz=\"1\" so=\"\" "
        "od=\"rfc822;marlowe@siroe.com\" de=\"marlowe@ims-ms-daemon\"/>\n");
}

TEST_CASE("nothing in a field can begin a line of its own, in any format") {
  auto entry = enqueued();
  const std::string hostile("x\r\n16-Feb-2007 forged\0<&\"\\\xff>", 30);
  entry.sender = entry.original = entry.address = entry.diagnostic = entry.system = hostile;
  for (const auto* format : {"1", "2", "3", "4", "5"}) {
    const auto text = line(std::string("LOG_FORMAT=") + format, entry);
    INFO(text);
    CHECK(text.find('\n') == text.size() - 1);
    CHECK(text.find('\r') == std::string::npos);
    CHECK(text.find('\0') == std::string::npos);
    CHECK(text.find('\xff') == std::string::npos);
  }
  // UTF-8, but nothing that XML knows.
  const std::string no_character("x\xEF\xBF\xBF\xEF\xBF\xBE");
  entry.sender = entry.original = entry.address = entry.diagnostic = entry.system = no_character;
  for (const auto* format : {"4", "5"})
    CHECK(line(std::string("LOG_FORMAT=") + format, entry).find("\xEF") == std::string::npos);
  const std::string endless(100000, 'a');
  entry = enqueued();
  entry.address = endless;
  CHECK(line("", entry).size() < 3000);
}

TEST_CASE("log_header.opt chooses the header fields") {
  auto entry = enqueued();
  entry.header = "Subject: one\r\n two\r\nX-A: 1\r\nX-A: 2\r\nTo: b\r\n\r\n";
  const auto* choice = "! comment\nSubject: MAXIMUM=1\nX-A: MAXIMUM=1\nDefaults: MAXIMUM=-1\n";
  CHECK(line("", entry, choice).ends_with("\n  Subject: one two\n  X-A: 1\n"));
  CHECK(line("LOG_FORMAT=4", entry, choice)
            .ends_with("><he na=\"Subject\" va=\"one two\"/><he na=\"X-A\" va=\"1\"/></en>\n"));
  CHECK(line("LOG_FORMAT=5", entry, choice)
            .ends_with(",\"he\":[[\"Subject\",\"one two\"],[\"X-A\",\"1\"]]}\n"));
  CHECK(line("", entry, "Defaults: MAXIMUM=0").find("  X-A: 2\n  To: b\n") != std::string::npos);
  std::vector<std::string> notes;
  (void)HeaderChoice::parse("Subject: MINIMUM=1\nX\n", &notes);
  CHECK(notes.size() == 2);
}

TEST_CASE("the day a log begins with, in every format") {
  for (const auto* format : {"1", "2", "3", "4", "5"})
    CHECK(day_of_first_line(line(std::string("LOG_FORMAT=") + format, enqueued())) == "2007-02-16");
  CHECK(day_of_first_line("rubbish") == "");
}
