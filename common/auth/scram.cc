// SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the server's side: RFC 5802 with RFC 7677, bound to the connection by
// tls-exporter (RFC 9266) or tls-server-end-point (RFC 5929).
//
//   C: n,[a=authzid],n=user,r=cnonce          S: r=cnonce snonce,s=salt,i=iterations
//   C: c=biws,r=nonce,p=proof                 S: v=signature         C: (empty)
// A name that does not exist gets a salt like any other and fails at the proof.
#include <algorithm>

#include "common/auth/detail/mechanisms.h"

namespace waxwing::auth {

namespace {
struct ClientFirst {
  std::string gs2_header;  // "n,,", "y,a=...,", "p=tls-exporter,,"
  std::string binding;     // its type, for p
  std::string bare;        // from n= on
  std::string authorization_id, user, nonce;
};

// "=2C" is a comma and "=3D" an equals sign; no other = may be there.
std::optional<std::string> decode_name(std::string_view name) {
  std::string text;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '=') {
      text += name[i];
      continue;
    }
    const auto code = name.substr(i, 3);
    if (code == "=2C")
      text += ',';
    else if (code == "=3D")
      text += '=';
    else
      return std::nullopt;
    i += 2;
  }
  return text;
}

bool is_nonce(std::string_view text) {
  for (const char c : text)
    if (c < 0x21 || c > 0x7e || c == ',') return false;
  return !text.empty();
}

std::optional<std::string_view> attribute(std::string_view field, char name) {
  if (field.size() < 2 || field[0] != name || field[1] != '=') return std::nullopt;
  return field.substr(2);
}

Result<ClientFirst> parse_first(std::string_view message) {
  ClientFirst first;
  const auto fields = split(message, ',');
  if (fields.size() < 4) return permanent("the first message has too few parts");
  if (const auto binding = attribute(fields[0], 'p'))
    first.binding = std::string(*binding);
  else if (fields[0] != "n" && fields[0] != "y")
    return permanent("the first message must begin with n, y or p=");
  const auto authorization = attribute(fields[1], 'a');
  if (!fields[1].empty() && !authorization) return permanent("authzid is malformed");
  const auto header = fields[0].size() + fields[1].size() + 2;
  first.gs2_header = std::string(message.substr(0, header));
  first.bare = std::string(message.substr(header));
  if (fields[2].starts_with("m=")) return permanent("a mandatory extension that is not known");
  const auto user = attribute(fields[2], 'n');
  const auto nonce = attribute(fields[3], 'r');
  if (!user || !nonce || !is_nonce(*nonce)) return permanent("n= or r= is missing or malformed");
  const auto name = decode_name(*user), acts_for = decode_name(authorization.value_or(""));
  if (!name || name->empty() || !acts_for || name->find('\0') != std::string::npos)
    return permanent("the user name is malformed");
  TRY(first.user, prepare_password(*name));
  first.authorization_id = *acts_for;
  first.nonce = std::string(*nonce);
  return first;
}

class Scram : public Mechanism {
 public:
  Scram(Core& core, const Peer& peer, bool plus) : Mechanism(core, peer), plus_(plus) {}

  Step begin(std::optional<std::string_view> initial, Ask ask) override {
    return initial ? step(*initial, ask) : challenge("");
  }

  Step step(std::string_view response, Ask ask) override {
    if (response.size() > kMaxResponseBytes) return malformed("message too long");
    switch (stage_) {
      case Stage::first:
        return take_first(response, ask);
      case Stage::final:
        return take_final(response);
      case Stage::acknowledgement:
        if (!response.empty()) return malformed("bytes after the end");
        return core_.finish(peer_, name(), user_, first_.user, first_.authorization_id, ask);
    }
    return malformed("a message after the end");
  }

 private:
  enum class Stage { first, final, acknowledgement };

  const char* name() const { return plus_ ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256"; }

  Step malformed(const std::string& what) const {
    return failed(Reason::malformed, std::string(name()) + ": " + what);
  }

  // What is wrong with the client's choice of binding; empty when nothing is, and bound_ is what c= must
  // hold.
  std::string wrong_binding(const ClientFirst& first) {
    bound_ = first.gs2_header;
    if (!plus_ && !first.binding.empty()) return "channel binding belongs to SCRAM-SHA-256-PLUS";
    if (!plus_) {
      // "y": the client could, and saw no PLUS in the list it got. When there was one, somebody took it out
      // on the way.
      const auto offered = core_.mechanisms(peer_);
      const bool was_offered = std::ranges::find(offered, "SCRAM-SHA-256-PLUS") != offered.end();
      return was_offered && first.gs2_header[0] == 'y'
                 ? "the client was told that channel binding is not offered"
                 : "";
    }
    if (first.binding.empty()) return "no channel binding";
    const auto& bytes = first.binding == "tls-exporter"           ? peer_.tls_exporter
                        : first.binding == "tls-server-end-point" ? peer_.tls_server_end_point
                                                                  : std::string();
    if (bytes.empty()) return "channel binding " + printable(first.binding, 40) + " is not there";
    bound_ += bytes;
    return {};
  }

  Step take_first(std::string_view message, Ask ask) {
    auto first = parse_first(message);
    if (!first) return malformed(first.error().text);
    if (const auto wrong = wrong_binding(*first); !wrong.empty()) return malformed(wrong);
    const auto user = core_.find_user(first->user, ask);
    if (!user) return user.error();
    secret_ = core_.fake_secret(first->user);
    problem_ = *user ? "no {SCRAM-SHA-256} value in userPassword" : "no such user";
    if (*user) {
      auto secret = core_.scram_secret(**user, ask);
      if (!secret) return secret.error();
      if (*secret) {
        secret_ = std::move(**secret);
        problem_.clear();
      }
    }
    first_ = std::move(*first);
    user_ = *user;
    nonce_ = first_.nonce + to_base64(random_bytes(18));
    server_first_ =
        "r=" + nonce_ + ",s=" + to_base64(secret_.salt) + ",i=" + std::to_string(secret_.iterations);
    stage_ = Stage::final;
    return challenge(server_first_);
  }

  Step take_final(std::string_view message) {
    const auto end = message.rfind(",p=");
    if (end == std::string_view::npos) return malformed("the final message has no proof");
    const auto without_proof = message.substr(0, end);
    const auto proof = from_base64(message.substr(end + 3));
    const auto fields = split(without_proof, ',');
    const auto binding = attribute(fields[0], 'c');
    const auto nonce = fields.size() > 1 ? attribute(fields[1], 'r') : std::nullopt;
    if (!binding || !nonce || !proof || proof->size() != 32)
      return malformed("the final message is malformed");
    if (from_base64(*binding) != bound_)
      return malformed("the channel binding is another one: is somebody between us?");
    if (*nonce != nonce_) return malformed("the nonce changed");

    const std::string said = first_.bare + "," + server_first_ + "," + std::string(without_proof);
    std::string client_key = hmac(Digest::sha256, secret_.stored_key, said);
    for (std::size_t i = 0; i < client_key.size(); ++i) client_key[i] ^= (*proof)[i];
    if (!same_bytes(hash(Digest::sha256, client_key), secret_.stored_key) || !problem_.empty()) {
      core_.directory->expire_user(first_.user);  // the next attempt sees a password changed just now
      return failed(Reason::credentials,
                    printable(first_.user) + ": " + (problem_.empty() ? "wrong proof" : problem_));
    }
    stage_ = Stage::acknowledgement;
    return challenge("v=" + to_base64(hmac(Digest::sha256, secret_.server_key, said)));
  }

  const bool plus_;
  std::string bound_;  // what c= of the final message has to be
  Stage stage_ = Stage::first;
  ClientFirst first_;
  directory::UserRef user_;
  ScramSecret secret_;
  std::string problem_;  // why the proof cannot be right, whatever it is
  std::string nonce_, server_first_;
};
}  // namespace

std::unique_ptr<Mechanism> make_scram(Core& core, const Peer& peer, bool plus) {
  return std::make_unique<Scram>(core, peer, plus);
}

}  // namespace waxwing::auth
