#include "mta/config/alias_file.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "common/mail/idn.h"

namespace waxwing::mta {
namespace {

// Pieces between commas; quotes and the brackets of <ldap:...> protect them. An unquoted URL ends at a
// comma followed by a blank, since DNs hold commas.
std::vector<std::string> pieces_of(std::string_view text) {
  std::vector<std::string> pieces;
  std::string piece;
  bool quoted = false;
  const auto flush = [&] {
    if (const auto word = trim(piece); !word.empty()) pieces.emplace_back(word);
    piece.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && quoted && i + 1 < text.size())
      piece += text[i++];
    else if (c == '"')
      quoted = !quoted;
    const bool url = ifind(piece, "<ldap") != std::string::npos;
    if (c == ',' && !quoted && (!url || i + 1 == text.size() || is_blank(text[i + 1])))
      flush();
    else
      piece += text[i];
  }
  flush();
  return pieces;
}

// "\"<ldap:///...\"" and "<ldap:///..." are both URLs; "<file" is a list file.
std::optional<std::string> source_of(std::string_view piece) {
  if (piece.size() > 2 && piece.front() == '"' && piece.back() == '"' && piece[1] == '<')
    return std::string(piece.substr(2, piece.size() - 3));
  if (piece.starts_with('<') && !piece.ends_with('>')) return std::string(trim(piece.substr(1)));
  return std::nullopt;
}

std::string_view unquoted(std::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return quoted ? value.substr(1, value.size() - 2) : value;
}

std::size_t colon_of(std::string_view line) {
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') quoted = !quoted;
    if (line[i] == ':' && !quoted) return i;
  }
  return line.npos;
}

class Parser {
 public:
  Parser(const SourceSet& sources, std::vector<std::string>& errors, std::vector<std::string>& warnings)
      : sources_(sources), errors_(errors), warnings_(warnings) {}

  std::optional<Alias> entry(const SourceLine& line) {
    const auto colon = colon_of(line.text);
    Alias alias;
    alias.name = std::string(trim(std::string_view(line.text).substr(0, colon)));
    alias.where = line.where();
    if (is_blank(line.text[0]))
      return fail(line, "an alias begins in column 1; to go on with a line, end it in \\");
    if (colon == std::string::npos || alias.name.empty())
      return fail(line, "expected \"name: address, address\", found \"" + printable(line.text, 60) + "\"");
    if (!name_as_looked_up(alias.name))
      return fail(line, "alias " + printable(alias.name) + " has no domain name behind the @ (RFC 5891)");
    auto pieces = pieces_of(std::string_view(line.text).substr(colon + 1));
    // "[NAME] value, address, address": a list without a file.
    const auto first =
        std::ranges::find_if(pieces, [](const auto& piece) { return !piece.starts_with('['); });
    alias.list.is_list = first != pieces.begin();
    for (auto each = pieces.begin(); each != first; ++each)
      if (!parameter(alias, *each, line)) return std::nullopt;
    pieces.erase(pieces.begin(), first);
    if (pieces.empty())
      return fail(line, "alias " + printable(alias.name) + " stands for nothing; remove it");
    if (const auto source = source_of(pieces[0])) {
      if (!list(alias, *source, pieces, line)) return std::nullopt;
    } else {
      for (const auto& piece : pieces)
        if (!member(alias, piece, line, alias.values, alias.urls)) return std::nullopt;
      alias.errors_to = alias.list.envelope_from;
    }
    return alias;
  }

 private:
  // Addresses come here with their domain as A-labels.
  static bool name_as_looked_up(std::string& name) {
    const auto at = name.rfind('@');
    if (at == name.npos) return true;
    const auto domain = mail::to_a_labels(std::string_view(name).substr(at + 1));
    if (domain) name.replace(at + 1, name.npos, *domain);
    return domain.has_value();
  }

  std::nullopt_t fail(const SourceLine& line, const std::string& text) {
    errors_.push_back(line.where() + ": " + text);
    return std::nullopt;
  }

  // "<file, [NAME] value, ..., error-return-address, reply-to, errors-to, warnings-to, comments": a mailing
  // list.
  bool list(Alias& alias, const std::string& source, const std::vector<std::string>& pieces,
            const SourceLine& line) {
    alias.list.is_list = true;
    if (istarts_with(source, "ldap:"))
      alias.urls.push_back(source);
    else if (!file(alias, source, line, alias.values, alias.urls))
      return false;
    static constexpr std::string_view kPositions[] = {"", "Reply-To", "Errors-To", "Warnings-To", "Comments"};
    std::size_t position = 0;
    for (std::size_t i = 1; i < pieces.size(); ++i) {
      if (pieces[i].starts_with('[')) {
        if (position > 0)
          return fail(line, "named parameters of list " + printable(alias.name) + " come before the others"),
                 false;
        if (!parameter(alias, pieces[i], line)) return false;
        continue;
      }
      if (position >= std::size(kPositions))
        return fail(line, "list " + printable(alias.name) + " has more than five parameters without name"),
               false;
      const auto field = kPositions[position++];
      if (pieces[i] == "*") continue;
      if (field.empty())
        alias.errors_to = pieces[i];
      else
        set_list_header(alias.list.effects, field, unquoted(pieces[i]));
    }
    if (alias.list.envelope_from.empty()) alias.list.envelope_from = alias.errors_to;
    alias.errors_to = alias.list.envelope_from;
    return true;
  }

  // One that is not known is an error: left out, it might open the list.
  bool parameter(Alias& alias, const std::string& piece, const SourceLine& line) {
    const auto end = piece.find(']');
    const auto name = trim(std::string_view(piece).substr(1, end == piece.npos ? end : end - 1));
    auto value = end == piece.npos ? std::string_view() : trim(std::string_view(piece).substr(end + 1));
    value = unquoted(value);
    const auto* spec = end == piece.npos ? nullptr : find_list_parameter(name);
    const auto wrong = [&](const std::string& why) {
      fail(line, "[" + printable(name) + "] of list " + printable(alias.name) + " " + why);
      return false;
    };
    if (spec == nullptr) return wrong("is no parameter of a list; see aliases(5)");
    using enum ListParameterSpec::State;
    if (spec->state == refused) return wrong("is not supported: " + std::string(spec->help));
    if (spec->state == filters)
      warnings_.push_back(line.where() + ": [" + std::string(spec->name) + "] of list " +
                          printable(alias.name) + " has no effect yet");
    if (spec->state != here) return true;
    ListClause clause;
    if (spec->takes == ListParameterSpec::Takes::clause_list && !value.empty()) {
      const auto source = trim(value.starts_with('<') ? value.substr(1) : value);
      if (istarts_with(source, "ldap:"))
        clause.urls.emplace_back(source);
      else if (!file(alias, std::string(source), line, clause.patterns, clause.urls))
        return false;
    }
    if (spec->takes == ListParameterSpec::Takes::header_file &&
        !header_file(alias, value, line, clause.patterns))
      return false;
    if (spec->takes == ListParameterSpec::Takes::option_file) return option_file(alias, value, line);
    const auto why = apply_list_parameter(*spec, value, std::move(clause), alias.list);
    return why.empty() || wrong(why);
  }

  // [HEADER_TRIM]: a header option file, as headertrim of a channel has one.
  bool option_file(Alias& alias, std::string_view name, const SourceLine& line) {
    if (!is_config_file(name)) return no_file(alias, name, line);
    const auto before = errors_.size();
    alias.list.effects.trim = std::make_shared<const HeaderOptions>(
        parse_header_options(sources_.text(name), std::string(name), errors_));
    return errors_.size() == before;
  }

  bool is_config_file(std::string_view name) const {
    return !name.empty() && name[0] != '/' && name.find("..") == name.npos && sources_.has_file(name);
  }

  bool no_file(const Alias& alias, std::string_view name, const SourceLine& line) {
    fail(line, "file \"" + printable(name) + "\" of alias " + printable(alias.name) +
                   " is not in the config directory");
    return false;
  }

  // [HEADER_ADDITION]: a file of header fields, one a line.
  bool header_file(const Alias& alias, std::string_view name, const SourceLine& line,
                   std::vector<std::string>& fields) {
    if (!is_config_file(name)) return no_file(alias, name, line);
    for (const auto& each : read_lines(sources_, name, sources_.comment_marks(), errors_)) {
      if (each.blank()) continue;
      const auto colon = each.text.find(':');
      if (is_blank(each.text[0]) || colon == std::string::npos || colon == 0 ||
          each.text.find_first_of(" \t") < colon) {
        fail(each, "\"" + printable(each.text, 60) + "\" is no header field; write Name: value");
        return false;
      }
      fields.push_back(each.text);
    }
    return true;
  }

  bool file(const Alias& alias, const std::string& name, const SourceLine& line,
            std::vector<std::string>& addresses, std::vector<std::string>& urls) {
    if (!is_config_file(name)) {
      fail(line, "list file \"" + printable(name) + "\" of alias " + printable(alias.name) +
                     " is not in the config directory");
      return false;
    }
    for (const auto& each : read_lines(sources_, name, sources_.comment_marks(), errors_))
      for (const auto& piece : pieces_of(each.text))
        if (!member(alias, piece, each, addresses, urls)) return false;
    return true;
  }

  bool member(const Alias& alias, const std::string& piece, const SourceLine& line,
              std::vector<std::string>& addresses, std::vector<std::string>& urls) {
    if (piece.starts_with('[')) {
      fail(line, "named parameter " + printable(piece, 60) + " of alias " + printable(alias.name) +
                     " must stand in front of the addresses: name: [NAME] value, address, or name: <file, "
                     "[NAME] value");
      return false;
    }
    if (const auto source = source_of(piece)) {
      if (istarts_with(*source, "ldap:")) return (urls.push_back(*source), true);
      fail(line, "a list file must be the first thing alias " + printable(alias.name) + " stands for");
      return false;
    }
    addresses.push_back(piece);
    return true;
  }

  const SourceSet& sources_;
  std::vector<std::string>& errors_;
  std::vector<std::string>& warnings_;
};

}  // namespace

const Alias* AliasFile::find(std::string_view name) const {
  const auto found = aliases_.find(name);
  return found == aliases_.end() ? nullptr : &found->second;
}

AliasFile AliasFile::parse(const SourceSet& sources, std::string_view file, std::vector<std::string>& errors,
                           std::vector<std::string>& warnings) {
  AliasFile result;
  Parser parser(sources, errors, warnings);
  for (const auto& line : read_lines(sources, file, sources.comment_marks(), errors)) {
    if (line.blank()) continue;
    auto alias = parser.entry(line);
    if (!alias) continue;
    const auto name = alias->name;
    if (const auto* other = result.find(name))
      errors.push_back(line.where() + ": alias " + printable(name) + " is already at " + other->where);
    else
      result.aliases_.emplace(name, std::move(*alias));
  }
  return result;
}

Result<Alias> AliasFile::entry(const SourceSet& sources, std::string_view name, std::string_view value,
                               const std::string& where) {
  std::vector<std::string> errors, warnings;
  const std::string key =
      name.find_first_of(": \t\"") == name.npos ? std::string(name) : "\"" + std::string(name) + "\"";
  auto alias = Parser(sources, errors, warnings).entry({key + ": " + std::string(value), where, 1});
  if (!errors.empty() || !alias) return permanent(join(errors, "\n"));
  alias->name = std::string(name);
  alias->where = where;
  return std::move(*alias);
}

}  // namespace waxwing::mta
