"""ISBN-13 as publishers write it: with hyphens, spaces, or an old ten-digit number."""


def check_digit(first_twelve: str) -> str:
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(first_twelve))
    return str(-total % 10)


def normalise(text: str) -> str:
    digits = "".join(sign for sign in text.upper() if sign.isdigit() or sign == "X")
    if len(digits) == 10:
        body = "978" + digits[:9]
        return body + check_digit(body)
    if len(digits) != 13 or digits[12] != check_digit(digits[:12]):
        raise ValueError(f"{text} is not an ISBN.")
    return digits
