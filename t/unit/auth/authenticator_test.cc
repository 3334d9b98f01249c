#include "common/auth/authenticator.h"

#include <catch2/catch.hpp>
#include <chrono>

#include "common/auth/detail/crypto.h"
#include "common/auth/detail/mechanisms.h"
#include "common/auth/password.h"
#include "t/unit/directory/private_slapd.h"

using namespace waxwing;
using namespace waxwing::auth;
using waxwing::test::PrivateSlapd;
using Kind = Step::Kind;

namespace {
using namespace std::string_literals;
using namespace std::string_view_literals;

struct World {
  PrivateSlapd slapd;
  std::shared_ptr<directory::Directory> directory;
  Peer peer{.service = Service::imap, .address = "127.0.0.1"};

  World() {
    const auto add = [&](const char* uid, std::vector<std::string> passwords,
                         directory::Editor::Attributes more = {}) {
      more.push_back({"userPassword", std::move(passwords)});
      slapd.add_user(uid, std::move(more));
    };
    add("joe",
        {hash_password("SSHA512", "secret").value(), hash_password("SCRAM-SHA-256", "secret").value()});
    add("ann", {"tanstaaftanstaaf"});
    add("slow", {hash_password("CRYPT", "secret").value()});
    add("boss", {hash_password("SSHA512", "secret").value()});
    add("gone", {hash_password("SSHA512", "secret").value()}, {{"mailUserStatus", {"inactive"}}});
    add("popper", {hash_password("SSHA512", "secret").value()}, {{"mailAllowedServiceAccess", {"+pop:*"}}});
    directory = directory::Directory::open(slapd.settings()).value();
  }
  std::shared_ptr<Authenticator> open(Settings settings = {}) const {
    return Authenticator::open(std::move(settings), directory).value();
  }
};

// As the daemons do it: inline first, then the same once more as if on a worker.
Step start(Exchange& exchange, std::string_view mechanism, std::optional<std::string_view> initial) {
  auto step = exchange.start(mechanism, initial, Ask::cache_only);
  if (step.kind == Kind::would_block) step = exchange.start(mechanism, initial, Ask::may_block);
  return step;
}
Step answer(Exchange& exchange, std::string_view response) {
  auto step = exchange.step(response, Ask::cache_only);
  if (step.kind == Kind::would_block) step = exchange.step(response, Ask::may_block);
  return step;
}

// The client's side of RFC 5802 with SHA-256.
struct ScramClient {
  std::string bare, said, password;
  std::string bound = "n,,";  // gs2 header, and the bytes of the channel binding
  std::string final_message(const std::string& server_first) {
    const auto fields = split(server_first, ',');
    const auto salt = from_base64(fields.at(1).substr(2)).value();
    const auto iterations = to_number<int>(fields.at(2).substr(2)).value();
    const auto without_proof = "c=" + to_base64(bound) + "," + std::string(fields.at(0));
    said = bare + "," + server_first + "," + without_proof;
    const auto salted = pbkdf2(Digest::sha256, password, salt, iterations, 32);
    auto key = hmac(Digest::sha256, salted, "Client Key");
    const auto signature = hmac(Digest::sha256, hash(Digest::sha256, key), said);
    for (std::size_t i = 0; i < key.size(); ++i) key[i] ^= signature[i];
    server_key = hmac(Digest::sha256, salted, "Server Key");
    return without_proof + ",p=" + to_base64(key);
  }
  std::string expected() const { return "v=" + to_base64(hmac(Digest::sha256, server_key, said)); }
  std::string server_key;
};

Step run_scram(Authenticator& auth, const Peer& peer, const std::string& user, const std::string& password,
               const std::string& authorization_id = "") {
  auto exchange = auth.begin(peer);
  ScramClient client{.bare = "n=" + user + ",r=clientnonce", .password = password};
  const auto gs2 = authorization_id.empty() ? "n,,"s : "n,a=" + authorization_id + ",";
  auto step = start(exchange, "SCRAM-SHA-256", gs2 + client.bare);
  if (step.kind != Kind::challenge) return step;
  auto final_message = client.final_message(step.challenge);
  if (!authorization_id.empty()) {
    client.bare = "n=" + user + ",r=clientnonce";
    const auto fields = split(step.challenge, ',');
    const auto bound = "c=" + to_base64(gs2) + "," + std::string(fields[0]);
    client.said = client.bare + "," + step.challenge + "," + bound;
    const auto salted = pbkdf2(Digest::sha256, password, from_base64(fields[1].substr(2)).value(),
                               to_number<int>(fields[2].substr(2)).value(), 32);
    auto key = hmac(Digest::sha256, salted, "Client Key");
    const auto signature = hmac(Digest::sha256, hash(Digest::sha256, key), client.said);
    for (std::size_t i = 0; i < key.size(); ++i) key[i] ^= signature[i];
    final_message = bound + ",p=" + to_base64(key);
  }
  step = answer(exchange, final_message);
  if (step.kind != Kind::challenge) return step;
  CHECK(step.challenge == client.expected());
  return answer(exchange, "");
}
}  // namespace

TEST_CASE("the client's arithmetic is that of RFC 7677") {
  ScramClient client{.bare = "n=user,r=rOprNGfwEbeRWgbNEkqO", .password = "pencil"};
  CHECK(client.final_message(
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096") ==
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+"
        "Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  CHECK(client.expected() == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  // RFC 2195 section 2.
  CHECK(to_hex(hmac(Digest::md5, "tanstaaftanstaaf", "<1896.697170952@postoffice.reston.mci.net>")) ==
        "b913a602c7eda7a495b4e6e7334d3890");
}

TEST_CASE("PLAIN and LOGIN") {
  World world;
  const auto auth = world.open();
  const auto plain = [&](std::string_view message, std::optional<Peer> peer = {}) {
    auto exchange = auth->begin(peer.value_or(world.peer));
    return start(exchange, "plain", message);
  };
  const auto good = plain("\0joe\0secret"sv);
  REQUIRE(good.kind == Kind::done);
  CHECK(good.identity.user->store_name == "joe");
  CHECK(good.identity.mechanism == "PLAIN");
  CHECK_FALSE(good.identity.administrator);
  CHECK(plain("\0joe@example.test\0secret"sv).kind == Kind::done);
  CHECK(plain("joe\0joe\0secret"sv).kind == Kind::done);
  CHECK(plain("joe@example.test\0JOE\0secret"sv).kind == Kind::done);

  // Wrong password and no such user look the same.
  const auto wrong = plain("\0joe\0wrong"sv), nobody = plain("\0nobody\0secret"sv);
  CHECK(wrong.failure.reason == Reason::credentials);
  CHECK(nobody.failure.reason == Reason::credentials);
  CHECK(wrong.failure.for_client == nobody.failure.for_client);
  CHECK(wrong.failure.for_log.find("joe") != std::string::npos);
  CHECK(wrong.failure.for_log.find("wrong\0"sv) == std::string::npos);
  CHECK(plain("\0joe\0"sv).failure.reason == Reason::credentials);
  CHECK(plain("\0*\0secret"sv).failure.reason == Reason::credentials);
  CHECK(plain("\0gone\0secret"sv).failure.reason == Reason::status);
  CHECK(plain("\0popper\0secret"sv).failure.reason == Reason::access);
  CHECK(plain("ann\0joe\0secret"sv).failure.reason == Reason::authorization);
  for (const auto bad : {""sv, "joe"sv, "\0joe"sv, "\0\0secret"sv, "a\0b\0c\0d"sv})
    CHECK(plain(bad).failure.reason == Reason::malformed);
  CHECK(plain(std::string(100000, 'x')).failure.reason == Reason::malformed);

  // Without an initial response the challenge is empty; LOGIN asks twice.
  auto exchange = auth->begin(world.peer);
  auto step = start(exchange, "PLAIN", std::nullopt);
  CHECK(step.kind == Kind::challenge);
  CHECK(step.challenge.empty());
  CHECK(answer(exchange, "\0joe\0secret"sv).kind == Kind::done);

  auto login = auth->begin(world.peer);
  CHECK(start(login, "LOGIN", std::nullopt).challenge == "Username:");
  CHECK(answer(login, "joe").challenge == "Password:");
  CHECK(answer(login, "secret").identity.mechanism == "LOGIN");
  auto short_login = auth->begin(world.peer);
  CHECK(start(short_login, "LOGIN", "joe").challenge == "Password:");
  CHECK(answer(short_login, "wrong").failure.reason == Reason::credentials);

  // A cached user with a salted hash passes inline.
  auto inline_login = auth->begin(world.peer);
  CHECK(inline_login.start("PLAIN", "\0joe\0secret"sv, Ask::cache_only).kind == Kind::done);
}

TEST_CASE("what is offered, and plain text without TLS") {
  World world;
  Peer far{.service = Service::imap, .address = "192.0.2.1"}, far_tls = far;
  far_tls.tls = true;
  auto auth = world.open();
  CHECK(auth->mechanisms(far).empty());
  CHECK(auth->mechanisms(far_tls) == std::vector<std::string>{"PLAIN", "LOGIN"});
  CHECK_FALSE(auth->plain_text_allowed(far));
  CHECK(auth->plain_text_allowed(world.peer));
  auto exchange = auth->begin(far);
  CHECK(exchange.start("PLAIN", "\0joe\0secret"sv, Ask::may_block).failure.reason ==
        Reason::encryption_required);
  CHECK(auth->password(far, "joe", "secret", Ask::may_block).failure.reason == Reason::encryption_required);
  CHECK(exchange.start("CRAM-MD5", {}, Ask::may_block).failure.reason == Reason::unknown_mechanism);
  CHECK(exchange.start("GSSAPI", {}, Ask::may_block).failure.reason == Reason::unknown_mechanism);
  CHECK(exchange.step("x", Ask::may_block).failure.reason == Reason::malformed);

  auth = world.open({.plain_text = Settings::PlainText::never, .has_plain_passwords = true, .scram = true});
  CHECK(auth->mechanisms(far) == std::vector<std::string>{"SCRAM-SHA-256", "CRAM-MD5"});
  CHECK_FALSE(auth->plain_text_allowed(world.peer));
  far_tls.tls_subject = "CN=x";
  CHECK(auth->mechanisms(far_tls).back() == "EXTERNAL");
}

TEST_CASE("SCRAM-SHA-256") {
  World world;
  auto auth = world.open({.scram = true, .admins = {"boss", "joe"}});
  const auto good = run_scram(*auth, world.peer, "joe", "secret");
  REQUIRE(good.kind == Kind::done);
  CHECK(good.identity.user->store_name == "joe");
  CHECK(run_scram(*auth, world.peer, "joe", "wrong").failure.reason == Reason::credentials);
  const auto nobody = run_scram(*auth, world.peer, "nobody", "secret");
  CHECK(nobody.failure.reason == Reason::credentials);
  CHECK(nobody.failure.for_log.find("no such user") != std::string::npos);
  CHECK(run_scram(*auth, world.peer, "boss", "secret").failure.reason == Reason::credentials);  // no keys
  CHECK(run_scram(*auth, world.peer, "ann", "tanstaaftanstaaf").failure.reason == Reason::credentials);
  const auto proxied = run_scram(*auth, world.peer, "joe", "secret", "ann");
  REQUIRE(proxied.kind == Kind::done);
  CHECK(proxied.identity.proxied);
  CHECK(proxied.identity.user->store_name == "ann");
  CHECK(proxied.identity.authentication_id == "joe");

  auto plain = world.open({.has_plain_passwords = true});
  CHECK(run_scram(*plain, world.peer, "ann", "tanstaaftanstaaf").kind == Kind::done);
  CHECK(run_scram(*plain, world.peer, "ann", "wrong").failure.reason == Reason::credentials);

  // The salt of a name that does not exist stays the same.
  const auto salt_of = [&](const char* message) {
    auto exchange = auth->begin(world.peer);
    const auto step = start(exchange, "SCRAM-SHA-256", message);
    return std::string(split(step.challenge, ',').at(1));
  };
  CHECK(salt_of("n,,n=ghost,r=a") == salt_of("n,,n=ghost,r=b"));

  for (const auto* first :
       {"", "n", "n,,", "x,,n=joe,r=a", "p=tls-exporter,,n=joe,r=a", "n,,n=joe", "n,,n=,r=a",
        "n,,n=joe,r=", "n,,m=x,n=joe,r=a", "n,,n=jo=e,r=a", "n,b=x,n=joe,r=a", "n,,r=a,n=joe"}) {
    INFO(first);
    auto exchange = auth->begin(world.peer);
    CHECK(start(exchange, "SCRAM-SHA-256", first).failure.reason == Reason::malformed);
  }
  const auto after_first = [&](auto make_final) {
    auto exchange = auth->begin(world.peer);
    ScramClient client{.bare = "n=joe,r=abc", .password = "secret"};
    const auto step = start(exchange, "SCRAM-SHA-256", "n,,n=joe,r=abc");
    return answer(exchange, make_final(client.final_message(step.challenge)));
  };
  CHECK(after_first([](std::string good_one) { return good_one; }).kind == Kind::challenge);
  CHECK(after_first([](std::string) { return ""s; }).failure.reason == Reason::malformed);
  CHECK(after_first([](std::string message) {
          return replace_all(message, "r=abc", "r=abd");
        }).failure.reason == Reason::malformed);
  CHECK(after_first([](std::string message) {
          return replace_all(message, "c=biws", "c=eSws");
        }).failure.reason == Reason::malformed);
  CHECK(after_first([](std::string message) {
          return message.substr(0, message.find(",p=")) + ",p=AAAA";
        }).failure.reason == Reason::malformed);
}

TEST_CASE("SCRAM-SHA-256-PLUS is bound to the connection") {
  World world;
  const auto auth = world.open({.scram = true});
  Peer peer = world.peer;
  CHECK(auth->mechanisms(peer).front() == "SCRAM-SHA-256");
  peer.tls = true;
  peer.tls_exporter = "exported bytes";
  peer.tls_server_end_point = "digest of the certificate";
  CHECK(auth->mechanisms(peer).front() == "SCRAM-SHA-256-PLUS");
  const auto run = [&](const std::string& mechanism, const std::string& header, const std::string& bytes) {
    auto exchange = auth->begin(peer);
    ScramClient client{.bare = "n=joe,r=abc", .password = "secret", .bound = header + bytes};
    auto step = start(exchange, mechanism, header + client.bare);
    if (step.kind != Kind::challenge) return step;
    step = answer(exchange, client.final_message(step.challenge));
    if (step.kind != Kind::challenge) return step;
    CHECK(step.challenge == client.expected());
    return answer(exchange, "");
  };
  const std::string plus = "SCRAM-SHA-256-PLUS", plain = "SCRAM-SHA-256";
  const auto good = run(plus, "p=tls-exporter,,", peer.tls_exporter);
  REQUIRE(good.kind == Kind::done);
  CHECK(good.identity.mechanism == plus);
  CHECK(run(plus, "p=tls-server-end-point,,", peer.tls_server_end_point).kind == Kind::done);
  // Somebody between us has another connection, or another certificate.
  CHECK(run(plus, "p=tls-exporter,,", "exported elsewhere").failure.reason == Reason::malformed);
  CHECK(run(plus, "p=tls-exporter,,", peer.tls_server_end_point).failure.reason == Reason::malformed);
  CHECK(run(plus, "p=tls-unique,,", "").failure.reason == Reason::malformed);
  CHECK(run(plus, "n,,", "").failure.reason == Reason::malformed);
  CHECK(run(plus, "y,,", "").failure.reason == Reason::malformed);
  CHECK(run(plain, "p=tls-exporter,,", peer.tls_exporter).failure.reason == Reason::malformed);
  CHECK(run(plain, "n,,", "").kind == Kind::done);
  // "y" says that no PLUS was in the list: somebody took it out.
  CHECK(run(plain, "y,,", "").failure.reason == Reason::malformed);
  peer.tls_exporter.clear();
  CHECK(run(plus, "p=tls-exporter,,", "").failure.reason == Reason::malformed);
  peer.tls_server_end_point.clear();
  CHECK(run(plain, "y,,", "").kind == Kind::done);
  CHECK(run(plus, "p=tls-exporter,,", "").failure.reason == Reason::unknown_mechanism);
}

TEST_CASE("CRAM-MD5 and APOP") {
  World world;
  const auto auth = world.open({.has_plain_passwords = true, .host_name = "mail.example.test"});
  const auto cram = [&](const std::string& user, const std::string& password) {
    auto exchange = auth->begin(world.peer);
    const auto step = start(exchange, "CRAM-MD5", std::nullopt);
    REQUIRE(step.kind == Kind::challenge);
    CHECK(step.challenge.ends_with("@mail.example.test>"));
    return answer(exchange, user + " " + to_hex(hmac(Digest::md5, password, step.challenge)));
  };
  CHECK(cram("ann", "tanstaaftanstaaf").kind == Kind::done);
  CHECK(cram("ann@example.test", "tanstaaftanstaaf").kind == Kind::done);
  CHECK(cram("ann", "wrong").failure.reason == Reason::credentials);
  CHECK(cram("nobody", "").failure.reason == Reason::credentials);
  CHECK(cram("joe", "secret").failure.reason == Reason::credentials);
  CHECK(cram("joe", "").failure.reason == Reason::credentials);  // an empty key opens nothing
  auto exchange = auth->begin(world.peer);
  CHECK(start(exchange, "CRAM-MD5", "x").failure.reason == Reason::malformed);
  auto again = auth->begin(world.peer);
  (void)start(again, "CRAM-MD5", std::nullopt);
  CHECK(answer(again, "nodigest").failure.reason == Reason::malformed);

  // RFC 1939 section 7 gives the form; the password here is ann's.
  const std::string banner = "<1896.697170952@dbc.mtview.ca.us>";
  const auto digest = to_hex(hash(Digest::md5, banner + "tanstaaftanstaaf"));
  CHECK(auth->apop(world.peer, "ann", banner, digest, Ask::may_block).kind == Kind::done);
  CHECK(auth->apop(world.peer, "ann", banner + "x", digest, Ask::may_block).failure.reason ==
        Reason::credentials);
  CHECK(auth->apop(world.peer, "joe", banner, digest, Ask::may_block).failure.reason == Reason::credentials);
  CHECK(world.open()->apop(world.peer, "ann", banner, digest, Ask::may_block).failure.reason ==
        Reason::unknown_mechanism);
}

TEST_CASE("EXTERNAL") {
  World world;
  const auto auth = world.open({.admins = {"boss"}});
  const auto external = [&](const char* subject, std::optional<std::string_view> initial) {
    Peer peer = world.peer;
    peer.tls = true;
    peer.tls_subject = subject;
    auto exchange = auth->begin(peer);
    return start(exchange, "EXTERNAL", initial);
  };
  CHECK(external("emailAddress=joe@example.test,CN=Joe,O=x", "").identity.user->store_name == "joe");
  CHECK(external("emailAddress=joe@example.test,CN=Joe,O=x", "joe").kind == Kind::done);
  CHECK(external("emailAddress=joe@example.test,CN=Joe,O=x", std::nullopt).kind == Kind::challenge);
  CHECK(external("emailAddress=joe@example.test,CN=Joe", "ann").failure.reason == Reason::authorization);
  CHECK(external("emailAddress=boss@example.test", "ann").identity.proxied);
  CHECK(external("CN=joe", "").failure.reason == Reason::credentials);
  CHECK(external("emailAddress=nobody@example.test", "").failure.reason == Reason::credentials);
  CHECK(external("", "").failure.reason == Reason::unknown_mechanism);

  CHECK(login_of_subject("CN=a\\,b+UID=x,O=y", "cn") == "a,b");
  CHECK(login_of_subject("CN=a\\,b+UID=x,O=y", "uid") == "x");
  CHECK(login_of_subject("/C=de/emailAddress=joe@x", "emailAddress") == "joe@x");
  CHECK(login_of_subject("CN=emailAddress=joe", "emailAddress").empty());
  CHECK(login_of_subject("nonsense", "CN").empty());
}

TEST_CASE("slow hashes are paid once, and not on the loop") {
  World world;
  const auto auth = world.open();
  const auto ask = [&](std::string_view password, Ask how) {
    return auth->password(world.peer, "slow", password, how);
  };
  CHECK(ask("secret", Ask::cache_only).kind == Kind::would_block);  // the user
  REQUIRE(world.directory->user_by_login("slow", Ask::may_block));
  CHECK(ask("secret", Ask::cache_only).kind == Kind::would_block);  // the hash
  CHECK(ask("secret", Ask::may_block).kind == Kind::done);
  CHECK(ask("secret", Ask::cache_only).kind == Kind::done);
  CHECK(ask("wrong", Ask::cache_only).kind == Kind::would_block);
  CHECK(ask("wrong", Ask::may_block).failure.reason == Reason::credentials);
  auth->flush();
  CHECK(ask("secret", Ask::cache_only).kind == Kind::would_block);
}

TEST_CASE("passwords by LDAP bind; a directory that is down is no wrong password") {
  World world;
  const auto auth = world.open({.bind = true});
  CHECK(auth->password(world.peer, "ann", "tanstaaftanstaaf", Ask::may_block).kind == Kind::done);
  CHECK(auth->password(world.peer, "ann", "tanstaaftanstaaf", Ask::cache_only).kind == Kind::done);
  CHECK(auth->password(world.peer, "ann", "wrong", Ask::may_block).failure.reason == Reason::credentials);
  CHECK(auth->password(world.peer, "ann", "", Ask::may_block).failure.reason == Reason::credentials);
  world.slapd.stop(SIGKILL);
  CHECK(auth->password(world.peer, "ann", "tanstaaftanstaaf", Ask::may_block).kind == Kind::done);
  CHECK(auth->password(world.peer, "ann", "wrong", Ask::may_block).failure.reason == Reason::temporary);
  CHECK(auth->password(world.peer, "joe", "secret", Ask::may_block).failure.reason == Reason::temporary);
  const auto scram = world.open({.scram = true});
  auto exchange = scram->begin(world.peer);
  CHECK(start(exchange, "SCRAM-SHA-256", "n,,n=joe,r=a").failure.reason == Reason::temporary);
}

TEST_CASE("an old password holds no longer than directory.logintime") {
  World world;
  auto settings = world.slapd.settings();
  settings.login_seconds = 0;
  const auto fresh = directory::Directory::open(settings).value();
  for (const bool bind : {false, true}) {
    INFO(bind);
    const auto eager = Authenticator::open(Settings{.bind = bind}, fresh).value();
    const auto lazy = world.open({.bind = bind});
    const auto ask = [&](const auto& auth, std::string_view password) {
      return auth->password(world.peer, "ann", password, Ask::may_block).kind == Kind::done;
    };
    const std::string old_one = bind ? "second" : "tanstaaftanstaaf", new_one = bind ? "third" : "second";
    CHECK(ask(eager, old_one));
    CHECK(ask(lazy, old_one));
    REQUIRE(
        world.slapd.editor().modify("uid=ann,ou=People,o=example.test,o=isp",
                                    {{directory::Editor::Change::Kind::replace, "userPassword", {new_one}}}));
    CHECK_FALSE(ask(eager, old_one));
    CHECK(ask(eager, new_one));
    CHECK(ask(lazy, old_one));  // within its minute
    world.directory->flush();
  }
}

TEST_CASE("administrators act for others") {
  World world;
  const auto auth = world.open({.admins = {"boss@example.test"}});
  const auto plain = [&](std::string_view message) {
    auto exchange = auth->begin(world.peer);
    return start(exchange, "PLAIN", message);
  };
  const auto step = plain("ann\0boss\0secret"sv);
  REQUIRE(step.kind == Kind::done);
  CHECK(step.identity.proxied);
  CHECK(step.identity.administrator);
  CHECK(step.identity.user->store_name == "ann");
  CHECK(step.identity.authentication_id == "boss");
  CHECK(plain("nobody\0boss\0secret"sv).failure.reason == Reason::authorization);
  CHECK(plain("ann\0boss\0wrong"sv).failure.reason == Reason::credentials);
}

TEST_CASE("a login is cheap", "[.][bench]") {
  World world;
  const auto auth = world.open();
  (void)auth->password(world.peer, "joe", "secret", Ask::may_block);
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 100'000; ++i) (void)auth->password(world.peer, "joe", "secret", Ask::cache_only);
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begun;
  WARN("a login of a cached user takes " << took.count() / 1e5 << " us");
}
