// A whole SMTP session: the bytes of a client as smtpd takes them from a socket (frame/dialogue.h), up to the queue, with
// the configuration that is shipped. Bits of the first byte: 0 the client's address may relay, 1 joe logs in, 2 a
// transaction has begun. Whatever is said: every answer has its form; what is in the queue is whole, and is there only
// when a message was accepted.
#include <string>

#include "common/base/path.h"
#include "common/base/strings.h"
#include "mta/config/mta_config.h"
#include "mta/queue/queue.h"
#include "mta/queue/reader.h"
#include "smtpd/server.h"
#include "smtpd/session.h"
#include "t/fuzz/frame/dialogue.h"
#include "t/fuzz/frame/smtp_answers.h"

using namespace waxwing;

namespace {

constexpr std::string_view kOptions = "smtp.maxmessagesize = 20000\nsmtp.maxheadersize = 8192\n";

void configure(const std::string& root) {
  for (const char* name : {"imta.cnf", "local.rules", "mappings", "aliases", "option.dat"}) {
    auto text = fuzz::must(read_file(std::string("etc/config/") + name));
    text = replace_all(text, "@INTERNAL_IP@", "  $(127.0.0.1/32)  $Y\n");
    fuzz::must(replace_file(root + "/config/" + name, replace_all(text, "@POSTMASTER@", "joe@example.com")));
  }
  const auto sources = fuzz::must(mta::read_sources(root));
  (void)fuzz::must(mta::MtaConfig::parse(sources, root));
  (void)fuzz::must(mta::publish_build(root, sources));
}

struct World {
  fuzz::Dialogue& here = *new fuzz::Dialogue("smtp", kOptions);
  std::shared_ptr<smtpd::Server> server;
  mta::queue::Queue queue{here.root() + "/queue", here.root() + "/run/job_controller"};

  World() {
    configure(here.root());
    server = fuzz::must(smtpd::Server::create(here.daemon(), {.name = "SMTP", .parameters = {}}));
  }
};

AcceptedConnection connection(UniqueFd socket, bool inner) {
  AcceptedConnection made;
  made.fd = std::move(socket);
  made.peer_address = inner ? "127.0.0.1" : "192.0.2.7";
  made.peer_port = 40000;
  made.local_address = "192.0.2.1";
  made.local_port = 25;
  return made;
}

Task<void> serve(std::shared_ptr<smtpd::Server> server, EventLoop& loop, AcceptedConnection client) {
  smtpd::Session session(std::move(server), loop, std::move(client));
  co_await session.run();
}

std::string begin(std::uint8_t choice) {
  std::string text = choice & 6 ? "EHLO client.example.test\r\n" : "";
  if (choice & 2) text += "AUTH PLAIN AGpvZQBzZWNyZXQ=\r\n";
  if (choice & 4) text += "MAIL FROM:<ann@example.test>\r\nRCPT TO:<joe@example.com>\r\n";
  return text;
}

// One that is published is whole, and nothing in it can end a line of a protocol.
void look_at(const mta::queue::Queue& queue, const mta::queue::FileName& name) {
  const auto reader = fuzz::must(mta::queue::Reader::open(queue, name));
  fuzz::must(reader.verify_message());
  const auto& envelope = reader.envelope();
  constexpr std::string_view kLineEnds("\r\n\0", 3);
  MUST(envelope.sender.find_first_of(kLineEnds) == std::string::npos);
  MUST(!envelope.recipients.empty());
  for (const auto& recipient : envelope.recipients)
    MUST(!recipient.address.empty() && recipient.address.find_first_of(kLineEnds) == std::string::npos);
  const auto message = fuzz::must(reader.read_message(0, 100000));
  MUST(message.starts_with("Received: ") || message.starts_with("Return-Path: <"));
  MUST(("\n" + message).find("\nReceived: from ") != std::string::npos &&
       message.find("\r\n\r\n") != std::string::npos);
}

std::size_t empty_queue(const mta::queue::Queue& queue) {
  std::vector<mta::queue::FileName> names;
  const auto channels = *queue.channels();
  for (const auto& channel : channels)
    fuzz::must(queue.scan(channel, [&](const mta::queue::FileName& name) {
      names.push_back(name);
      return true;
    }));
  for (const auto& name : names) {
    look_at(queue, name);
    fuzz::must(queue.remove(name));
  }
  return names.size();
}

}  // namespace

FUZZ_TARGET(smtp_session) {
  static auto& world = *new World;
  fuzz::Input in(input);
  const auto choice = in.byte();
  const auto answers =
      world.here.talk(begin(choice) + std::string(in.rest()), [&](EventLoop& loop, UniqueFd socket) {
        return serve(world.server, loop, connection(std::move(socket), (choice & 1) != 0));
      });
  const auto codes = fuzz::codes_of(answers);
  MUST(!codes.empty() && codes.front() == 220);
  std::size_t accepted = 0;
  for (std::size_t at = 0; (at = answers.find("\r\n250 2.5.0 ", at)) != answers.npos; ++at) ++accepted;
  const auto queued = empty_queue(world.queue);
  // For each message one file or more: one for each channel.
  MUST(queued >= accepted && (queued == 0 || accepted > 0));
}
