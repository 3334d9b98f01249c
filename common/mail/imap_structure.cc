#include "common/mail/imap_structure.h"

#include "common/base/strings.h"
#include "common/mail/address.h"
#include "common/mail/parameters.h"

namespace waxwing::mail {

namespace {

void append_address(std::string& out, const Address& address) {
  const bool mark = address.kind != Address::Kind::mailbox;
  out += '(';
  append_imap_nstring(out, address.display_name, !mark && !address.display_name.empty());
  out += ' ';
  append_imap_nstring(out, address.route, !address.route.empty());
  out += ' ';
  // A group's name stands where the mailbox would, without a host; its end is all NIL.
  const bool start = address.kind == Address::Kind::group_start;
  append_imap_nstring(out, start ? address.display_name : address.spec.local_part, start || !mark);
  out += ' ';
  append_imap_nstring(out, address.spec.domain, !mark);
  out += ')';
}

// How many addresses may still be told. Two bytes of a header make one of twenty, three times in an envelope
// and once for each message inside another: without a bound a few megabytes of mail would fill the memory.
class AddressBudget {
 public:
  // All fields of one name as one address list; NIL when there is no address in them.
  std::string list(const HeaderBlock& header, std::string_view name) {
    std::string out;
    for (const auto& field : header.fields()) {
      if (!iequals(field.name, name)) continue;
      for (const auto& address : parse_address_list(field.value, {.max_addresses = left_}).items) {
        if (out.empty()) out += '(';
        append_address(out, address);
        --left_;
      }
    }
    return out.empty() ? "NIL" : out + ')';
  }

  // From: with its stand-ins Sender: and Reply-To:.
  void authors(std::string& out, const HeaderBlock& header) {
    const auto before = left_;
    const auto from = list(header, "From");
    const auto count = before - left_;
    (out += ' ') += from;
    for (const char* name : {"Sender", "Reply-To"}) {
      auto own = list(header, name);
      const bool stands_in = own == "NIL" && count <= left_;
      if (stands_in) left_ -= count;
      (out += ' ') += stands_in ? from : own;
    }
  }

 private:
  std::size_t left_ = kMostToldAddresses;
};

void append_text_field(std::string& out, const HeaderBlock& header, std::string_view name) {
  const auto value = header.value(name);
  append_imap_nstring(out, value ? unfold(*value) : std::string(), value.has_value());
}

std::string percent_encoded(const Parameter& parameter) {
  std::string out = parameter.charset + "'" + parameter.language + "'";
  for (const char c : parameter.value) {
    if (is_alnum(c) || std::string_view("!#$&+-.^_`{|}~").find(c) != std::string_view::npos) {
      out += c;
    } else {
      (out += '%') += to_upper(to_hex(std::string_view(&c, 1)));
    }
  }
  return out;
}

void append_parameters(std::string& out, const std::vector<Parameter>& parameters) {
  if (parameters.empty()) {
    out += "NIL";
    return;
  }
  char before = '(';
  for (const auto& parameter : parameters) {
    out += before;
    before = ' ';
    const bool encode = parameter.extended && !parameter.charset.empty();
    append_imap_string(out, encode ? parameter.name + "*" : parameter.name);
    out += ' ';
    append_imap_string(out, encode ? percent_encoded(parameter) : parameter.value);
  }
  out += ')';
}

std::string_view encoding_name(TransferEncoding encoding) {
  switch (encoding) {
    case TransferEncoding::seven_bit:
      return "7BIT";
    case TransferEncoding::eight_bit:
      return "8BIT";
    case TransferEncoding::binary:
      return "BINARY";
    case TransferEncoding::quoted_printable:
      return "QUOTED-PRINTABLE";
    case TransferEncoding::base64:
      return "BASE64";
    case TransferEncoding::unknown:
      break;
  }
  return "";
}

void append_disposition(std::string& out, const MimePart& part) {
  if (part.content_disposition.empty()) {
    out += "NIL";
    return;
  }
  const auto disposition = parse_parameters(part.content_disposition);
  out += '(';
  append_imap_string(out, disposition.value);
  out += ' ';
  append_parameters(out, disposition.parameters);
  out += ')';
}

void append_language(std::string& out, const MimePart& part) {
  const auto value = unfold(part.content_language);
  std::string list;
  for (const auto piece : split(value, ',')) {
    const auto tag = trim(piece);
    if (tag.empty()) continue;
    list += list.empty() ? '(' : ' ';
    append_imap_string(list, tag);
  }
  out += list.empty() ? "NIL" : list + ')';
}

void append_extension(std::string& out, const MimePart& part) {
  out += ' ';
  append_disposition(out, part);
  out += ' ';
  append_language(out, part);
  out += ' ';
  append_imap_nstring(out, unfold(part.content_location), part.content_location.data() != nullptr);
}

std::string envelope(const HeaderBlock& header, AddressBudget& budget) {
  std::string out = "(";
  append_text_field(out, header, "Date");
  out += ' ';
  append_text_field(out, header, "Subject");
  budget.authors(out, header);
  for (const char* name : {"To", "Cc", "Bcc"}) (out += ' ') += budget.list(header, name);
  out += ' ';
  append_text_field(out, header, "In-Reply-To");
  out += ' ';
  append_text_field(out, header, "Message-ID");
  return out += ')';
}

class StructureWriter {
 public:
  StructureWriter(const Mime& mime, bool extended) : mime_(mime), extended_(extended) {}

  std::string write() {
    append(mime_.root());
    return std::move(out_);
  }

 private:
  const MimePart& part_at(std::int32_t index) const { return mime_.parts[static_cast<std::size_t>(index)]; }

  void append(const MimePart& part) {
    out_ += '(';
    if (part.kind == MimePart::Kind::multipart) {
      append_multipart(part);
    } else {
      append_single(part);
    }
    out_ += ')';
  }

  void append_multipart(const MimePart& part) {
    // The grammar wants at least one body.
    if (part.first_child < 0) out_ += R"(("TEXT" "PLAIN" NIL NIL NIL "7BIT" 0 0))";
    for (auto child = part.first_child; child >= 0; child = part_at(child).next_sibling)
      append(part_at(child));
    out_ += ' ';
    append_imap_string(out_, part.subtype);
    if (!extended_) return;
    out_ += ' ';
    append_parameters(out_, parse_parameters(part.content_type).parameters);
    append_extension(out_, part);
  }

  void append_type(const MimePart& part) {
    // What could not be taken apart may not be announced as something that was.
    const bool opaque =
        part.kind == MimePart::Kind::leaf &&
        (part.is("multipart", "*") || part.is("message", "rfc822") || part.is("message", "global"));
    append_imap_string(out_, opaque ? "APPLICATION" : part.type);
    out_ += ' ';
    append_imap_string(out_, opaque ? "OCTET-STREAM" : part.subtype);
    out_ += ' ';
    const bool bare_text = part.content_type.data() == nullptr && part.is("text", "plain");
    if (bare_text) {
      out_ += R"(("CHARSET" "US-ASCII"))";
    } else {
      append_parameters(out_, parse_parameters(part.content_type).parameters);
    }
  }

  void append_single(const MimePart& part) {
    append_type(part);
    out_ += ' ';
    append_imap_nstring(out_, unfold(part.content_id), part.content_id.data() != nullptr);
    out_ += ' ';
    append_imap_nstring(out_, unfold(part.content_description), part.content_description.data() != nullptr);
    out_ += ' ';
    const auto encoding = encoding_name(part.encoding);
    append_imap_string(out_, encoding.empty() ? unfold(part.content_encoding) : std::string(encoding));
    out_ += ' ';
    out_ += std::to_string(part.body_size());
    if (part.kind == MimePart::Kind::message) {
      const auto& inside = part_at(part.first_child);
      out_ += ' ';
      out_ += envelope(HeaderBlock::scan(mime_.header_of(inside)), budget_);
      out_ += ' ';
      append(inside);
    }
    if (part.kind == MimePart::Kind::message || part.is("text", "*")) {
      out_ += ' ';
      out_ += std::to_string(part.body_lines);
    }
    if (!extended_) return;
    out_ += ' ';
    append_imap_nstring(out_, unfold(part.content_md5), part.content_md5.data() != nullptr);
    append_extension(out_, part);
  }

  const Mime& mime_;
  bool extended_;
  AddressBudget budget_;
  std::string out_;
};

}  // namespace

void append_imap_string(std::string& out, std::string_view value) {
  constexpr std::size_t kMaxQuoted = 1000;
  bool quotable = value.size() <= kMaxQuoted, nul = false;
  for (const char c : value) {
    quotable = quotable && static_cast<unsigned char>(c) < 0x80 && c != '\r' && c != '\n';
    nul = nul || c == '\0';
  }
  if (nul) return append_imap_string(out, replace_all(std::string(value), std::string_view("\0", 1), ""));
  if (!quotable) {
    ((out += '{') += std::to_string(value.size())) += "}\r\n";
    out += value;
    return;
  }
  out += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void append_imap_nstring(std::string& out, std::string_view value, bool present) {
  if (present) {
    append_imap_string(out, value);
  } else {
    out += "NIL";
  }
}

std::string imap_envelope(const HeaderBlock& header) {
  AddressBudget budget;
  return envelope(header, budget);
}

std::string imap_body_structure(const Mime& mime, bool extended) {
  return StructureWriter(mime, extended).write();
}

}  // namespace waxwing::mail
